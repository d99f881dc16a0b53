"""A small two-shot network for CPUs: it chooses among physical guesses, pixel by pixel, and corrects the choice."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from wsi_refocus.network.dual_plane import Guesses

SHUFFLE = 2
"""Pixels a side that are folded into channels; the stride of the network."""
_CONTRAST = 8.0
"""What differences between images are multiplied by: the choice is made by them, and fed as they are they would
drown in the picture that all images share, so that nothing is learned."""
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
        Dilation of each block's convolutions.
    guesses : Guesses
        What the bank of inversions assumes.
    """

    width: int = 48
    growth: int = 32
    dilations: tuple[int, ...] = (1, 2, 4, 4, 2, 1)
    guesses: Guesses = field(default_factory=Guesses)

    def __post_init__(self) -> None:
        for name in ("width", "growth"):
            if not 1 <= getattr(self, name) <= 256:
                raise ValueError(f"{name} of a TSVA-lite network is from 1 to 256, not {getattr(self, name)}")
        if not 1 <= len(self.dilations) <= 16 or not all(1 <= each <= 16 for each in self.dilations):
            raise ValueError(f"a TSVA-lite network has 1 to 16 dilations from 1 to 16, not {self.dilations}")


class TsvaLite(nn.Module):
    """Two-shot network on top of a bank of linear inversions.

    The mean of both shots, and the differences to it of the shots and of the candidates that the bank made of them,
    are folded into channels (2 × 2) and pass dense residual blocks. Out come, for every pixel, weights for the mean of
    the shots, either shot and every candidate, which add up to 1, and a residual. What is smooth or in focus can so be
    passed on as it is, and the network mostly learns *where focus lies*, which the bank leaves open. No pooling and
    no normalisation: a pixel depends on its surroundings only.

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
        self.entry = nn.Conv2d(3 * (count + 2) * SHUFFLE**2, config.width, 3, padding=1)
        self.blocks = nn.Sequential(
            *(DenseBlock(config.width, config.growth, dilation) for dilation in config.dilations)
        )
        self.head = nn.Conv2d(config.width, (self._choices + 3) * SHUFFLE**2, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        with torch.no_grad():
            assert self.head.bias is not None  # noqa: S101 - made with one just above
            favoured = self.head.bias.zero_().view(-1, SHUFFLE**2)
            favoured[0] = favoured[3 + count // 2] = _FAVOUR
        self.fold = nn.PixelUnshuffle(SHUFFLE)
        self.unfold = nn.PixelShuffle(SHUFFLE)

    def forward(self, first: Tensor, second: Tensor, candidates: Tensor) -> Tensor:
        """Refocus a batch.

        Parameters
        ----------
        first, second
            The two shots, lower plane first, shape (n, 3, height, width), from 0 to 1; height and width are even.
        candidates
            In-focus images that the bank makes of them, shape (n, guesses, 3, height, width).

        Returns
        -------
        Tensor of shape (n, 3, height, width)
            The in-focus image.
        """
        mean = (first + second) / 2
        between = (candidates - mean.unsqueeze(1)).flatten(1, 2) * _CONTRAST
        seen = torch.cat([mean - 0.5, (first - mean) * _CONTRAST, between], dim=1)
        out = self.unfold(self.head(self.blocks(self.entry(self.fold(seen)))))
        weights = out[:, : self._choices].softmax(dim=1)
        image: Tensor = out[:, self._choices :] + weights[:, 0:1] * mean
        for number, choice in enumerate((first, second, *candidates.unbind(dim=1)), start=1):
            image = image + weights[:, number : number + 1] * choice
        return image


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
        self.bend = nn.LeakyReLU(0.1)

    def forward(self, features: Tensor) -> Tensor:
        """Refine features of shape (n, width, height, width)."""
        one = self.bend(self.first(features))
        two = self.bend(self.second(torch.cat([features, one], dim=1)))
        refined: Tensor = self.merge(torch.cat([features, one, two], dim=1))
        return features + refined
