"""A small two-shot network for CPUs: dense residual blocks on half-resolution features."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

SHUFFLE = 2
"""Pixels a side that are folded into channels; the stride of the network."""


@dataclass(frozen=True, slots=True)
class LiteConfig:
    """Shape of a `TsvaLite` network.

    Attributes
    ----------
    width : int
        Channels between the blocks.
    growth : int
        Channels that each convolution of a block adds.
    dilations : tuple of int
        Dilation of each block's convolutions.
    """

    width: int = 48
    growth: int = 32
    dilations: tuple[int, ...] = (1, 2, 4, 4, 2, 1)

    def __post_init__(self) -> None:
        for name in ("width", "growth"):
            if not 1 <= getattr(self, name) <= 256:
                raise ValueError(f"{name} of a TSVA-lite network is from 1 to 256, not {getattr(self, name)}")
        if not 1 <= len(self.dilations) <= 16 or not all(1 <= each <= 16 for each in self.dilations):
            raise ValueError(f"a TSVA-lite network has 1 to 16 dilations from 1 to 16, not {self.dilations}")


class TsvaLite(nn.Module):
    """Two-shot network without pooling and without batch normalisation.

    The pixels of both shots are folded into channels (2 × 2), pass six dense residual blocks, and come out as
    a residual that is added to the sharper shot. The last convolution starts at zero, so that an untrained
    network gives back the sharper shot.

    Parameters
    ----------
    config
        Shape of the network.
    """

    def __init__(self, config: LiteConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or LiteConfig()
        folded = 3 * SHUFFLE**2
        self.entry = nn.Conv2d(2 * folded, config.width, 3, padding=1)
        self.blocks = nn.Sequential(
            *(DenseBlock(config.width, config.growth, dilation) for dilation in config.dilations)
        )
        self.head = nn.Conv2d(config.width, folded, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        assert self.head.bias is not None  # noqa: S101 - made with one just above
        nn.init.zeros_(self.head.bias)
        self.fold = nn.PixelUnshuffle(SHUFFLE)
        self.unfold = nn.PixelShuffle(SHUFFLE)

    def forward(self, sharper: Tensor, other: Tensor) -> Tensor:
        """Refocus a batch.

        Parameters
        ----------
        sharper, other
            The two shots, shape (n, 3, height, width), from 0 to 1; height and width are even.

        Returns
        -------
        Tensor of shape (n, 3, height, width)
            The in-focus image.
        """
        features = self.entry(self.fold(torch.cat([sharper, other], dim=1)))
        residual: Tensor = self.unfold(self.head(self.blocks(features)))
        return sharper + residual


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
