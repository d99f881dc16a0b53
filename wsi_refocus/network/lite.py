"""A small two-shot network for CPUs: it chooses among physical guesses, pixel by pixel, and corrects the choice."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from wsi_refocus.network.dual_plane import Guesses

SHUFFLE = 2
"""Pixels a side that are folded into channels."""
COARSER = 4
"""How much coarser, in folded pixels, the context is seen."""
CONTRAST = 8.0
"""What differences between images are multiplied by: the choice is made by them, and fed as they are they would
drown in the picture that all images share, so that nothing is learned."""
SLOPE = 0.1
"""Of the leaky rectifiers, below zero."""
_FAVOUR = 2.0
"""Head start, in logits, of the mean of the shots and of the middle candidate in an untrained network."""


@dataclass(frozen=True, slots=True)
class LiteConfig:
    """Shape of a `TsvaLite` network, and the physical guesses that it is fed.

    Attributes
    ----------
    width : int
        Channels between the blocks.
    growth : int
        Channels that each convolution of a block adds.
    dilations : tuple of int
        Dilation of each block's convolutions; the context joins in the middle of them.
    context : int
        Channels of the context.
    context_dilations : tuple of int
        Dilation of each of its blocks' convolutions.
    guesses : Guesses
        What the bank of inversions assumes.
    """

    width: int = 48
    growth: int = 32
    dilations: tuple[int, ...] = (1, 1, 2, 2, 1, 1)
    context: int = 64
    context_dilations: tuple[int, ...] = (1, 1, 1)
    guesses: Guesses = field(default_factory=Guesses)

    def __post_init__(self) -> None:
        for name in ("width", "growth", "context"):
            if not 1 <= getattr(self, name) <= 256:
                raise ValueError(f"{name} of a TSVA-lite network is from 1 to 256, not {getattr(self, name)}")
        for name in ("dilations", "context_dilations"):
            dilations = getattr(self, name)
            if not 1 <= len(dilations) <= 16 or not all(1 <= each <= 16 for each in dilations):
                raise ValueError(f"a TSVA-lite network has 1 to 16 {name} from 1 to 16, not {dilations}")


class TsvaLite(nn.Module):
    """Two-shot network on top of a bank of linear inversions.

    The mean of both shots, and the differences to it of the shots and of the candidates that the bank made of them,
    are folded into channels (2 × 2) and pass dense residual blocks. Out come, for every pixel, weights for the mean of
    the shots, either shot and every candidate, which add up to 1, and a residual. What is smooth or in focus can so be
    passed on as it is, and the network mostly learns *where focus lies*, which the bank leaves open.

    Where focus lies changes slowly over a section, and a single edge does not tell it. So a second, coarse path (8 × 8
    pixels) looks at the surroundings, says how high the section lies, leans towards the candidates that fit, and
    hands what it saw to the fine blocks. No pooling over the picture and no normalisation: a pixel depends on its
    surroundings only.

    Parameters
    ----------
    config
        Shape of the network.
    """

    def __init__(self, config: LiteConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or LiteConfig()
        count = len(config.guesses.drifts_um)
        self._choices = count + 3
        blocks = [DenseBlock(config.width, config.growth, dilation) for dilation in config.dilations]
        middle = len(blocks) // 2
        self.entry = nn.Conv2d(3 * (count + 2) * SHUFFLE**2, config.width, 3, padding=1)
        self.before = nn.Sequential(*blocks[:middle])
        self.after = nn.Sequential(*blocks[middle:])
        self.context = nn.Sequential(
            nn.Conv2d(config.width, config.context, COARSER, stride=COARSER),
            nn.LeakyReLU(SLOPE),
            *(DenseBlock(config.context, config.context, dilation) for dilation in config.context_dilations),
        )
        self.hint = nn.Conv2d(config.context, config.width, 1)
        self.leaning = nn.Conv2d(config.context, self._choices, 1)
        self.height = nn.Conv2d(config.context, 1, 1)
        self.head = nn.Conv2d(config.width, (self._choices + 3) * SHUFFLE**2, 3, padding=1)
        for layer in (self.leaning, self.head):
            assert layer.bias is not None  # noqa: S101 - made with one just above
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        with torch.no_grad():
            self.leaning.bias[[0, 3 + count // 2]] = _FAVOUR  # type: ignore[index]
        self.fold = nn.PixelUnshuffle(SHUFFLE)
        self.unfold = nn.PixelShuffle(SHUFFLE)

    def forward(self, first: Tensor, second: Tensor, candidates: Tensor) -> Tensor:
        """Refocus a batch.

        Parameters
        ----------
        first, second
            The two shots, lower plane first, shape (n, 3, height, width), from 0 to 1; height and width are
            multiples of `SHUFFLE` × `COARSER`.
        candidates
            In-focus images that the bank makes of them, shape (n, guesses, 3, height, width).

        Returns
        -------
        Tensor of shape (n, 3, height, width)
            The in-focus image.
        """
        return self.estimate(first, second, candidates)[0]

    def estimate(self, first: Tensor, second: Tensor, candidates: Tensor) -> tuple[Tensor, Tensor]:
        """Refocus a batch, and say how high the section lies.

        Parameters
        ----------
        first, second, candidates
            As for `forward`.

        Returns
        -------
        image : Tensor of shape (n, 3, height, width)
            The in-focus image.
        height_um : Tensor of shape (n, 1, height / 8, width / 8)
            Height of the middle of both shots above the section, in µm: what the bank's drifts are candidates of.
        """
        mean = (first + second) / 2
        features, context = self._looked(mean, first, candidates)
        features = self.after(features + _finer(self.hint(context), COARSER))
        out = self.unfold(self.head(features)).to(mean.dtype)  # choices are mixed in full precision
        leaning = _finer(self.leaning(context).to(mean.dtype), COARSER * SHUFFLE)
        weights = (out[:, : self._choices] + leaning).softmax(dim=1)
        image: Tensor = out[:, self._choices :] + weights[:, 0:1] * mean
        for number, choice in enumerate((first, second, *candidates.unbind(dim=1)), start=1):
            image = image + weights[:, number : number + 1] * choice
        return image, self.height(context).to(mean.dtype)

    def height_um(self, first: Tensor, second: Tensor, candidates: Tensor) -> Tensor:
        """Say how high the section lies, as `estimate` does, but without refocusing: at half of the cost."""
        mean = (first + second) / 2
        height: Tensor = self.height(self._looked(mean, first, candidates)[1])
        return height.to(mean.dtype)

    def _looked(self, mean: Tensor, first: Tensor, candidates: Tensor) -> tuple[Tensor, Tensor]:
        """What the first fine blocks and the coarse path make of the shots."""
        between = (candidates - mean.unsqueeze(1)).flatten(1, 2) * CONTRAST
        seen = torch.cat([mean - 0.5, (first - mean) * CONTRAST, between], dim=1)
        features = self.before(self.entry(self.fold(seen)))
        return features, self.context(features)


def _finer(maps: Tensor, factor: int) -> Tensor:
    return nn.functional.interpolate(maps, scale_factor=factor, mode="bilinear", align_corners=False)


class DenseBlock(nn.Module):
    """Two dilated convolutions, each seeing all before it, merged and added to what came in.

    Parameters
    ----------
    width
        Channels in and out.
    growth
        Channels that each convolution adds.
    dilation
        Distance of the taps of the convolutions.
    """

    def __init__(self, width: int, growth: int, dilation: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, growth, 3, padding=dilation, dilation=dilation)
        self.second = nn.Conv2d(width + growth, growth, 3, padding=dilation, dilation=dilation)
        self.merge = nn.Conv2d(width + 2 * growth, width, 1)
        self.bend = nn.LeakyReLU(SLOPE)

    def forward(self, features: Tensor) -> Tensor:
        """Refine features of shape (n, width, height, width)."""
        one = self.bend(self.first(features))
        two = self.bend(self.second(torch.cat([features, one], dim=1)))
        refined: Tensor = self.merge(torch.cat([features, one, two], dim=1))
        return features + refined
