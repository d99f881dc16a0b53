"""The plain U-Net of Ronneberger et al. 2015 on the sharper shot alone: what the second shot is measured against."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from wsi_refocus.network.convolutions import CHANNELS, check_sizes, convolutions, residual_head


@dataclass(frozen=True, slots=True)
class UnetConfig:
    """Shape of a U-Net; the defaults are the paper's baseline: 23 convolutional layers.

    Attributes
    ----------
    width : int
        Channels of the first contracting step; doubled at each further one.
    depth : int
        Number of poolings.
    """

    width: int = 64
    depth: int = 4

    def __post_init__(self) -> None:
        check_sizes("U-Net", asdict(self))


class Unet(nn.Module):
    """One contracting and one expansive path; the residual that comes out is added to the sharper shot.

    Parameters
    ----------
    config
        Shape of the network.
    """

    def __init__(self, config: UnetConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or UnetConfig()
        widths = [config.width * 2**step for step in range(config.depth + 1)]
        self.pool = nn.MaxPool2d(2)
        self.contracting = nn.ModuleList(
            convolutions(before, after, 2, normalise=True)
            for before, after in zip([CHANNELS, *widths], widths, strict=False)
        )
        falling = widths[::-1]
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * width, width, 2, stride=2) for width in falling[1:])
        self.expansive = nn.ModuleList(convolutions(2 * width, width, 2, normalise=False) for width in falling[1:])
        self.head = residual_head(config.width)

    def forward(self, sharper: Tensor, other: Tensor) -> Tensor:
        """Refocus the sharper shot, shape (n, 3, height, width), from 0 to 1; the other one is not looked at."""
        maps = [self.contracting[0](sharper)]
        for step in self.contracting[1:]:
            maps.append(step(self.pool(maps[-1])))
        features = maps.pop()
        for up, merge in zip(self.up, self.expansive, strict=True):
            features = merge(torch.cat([up(features), maps.pop()], dim=1))
        image: Tensor = sharper + self.head(features)
        return image
