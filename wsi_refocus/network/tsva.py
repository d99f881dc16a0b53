"""The two-shot virtual autofocusing network (TSVA) of Li et al. 2020, arXiv 2003.06630."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from wsi_refocus.network.convolutions import CHANNELS, check_sizes, convolutions, residual_head


@dataclass(frozen=True, slots=True)
class TsvaConfig:
    """Shape of a TSVA network; the defaults are the paper's.

    Attributes
    ----------
    width : int
        Channels of the first contracting step; doubled at each further one.
    depth : int
        Number of poolings.
    contracting_convs : int
        3 × 3 convolutions in each contracting step.
    expansive_convs : int
        3 × 3 convolutions in each expansive step: two as in U-Net and the paper's additional one.
    """

    width: int = 64
    depth: int = 4
    contracting_convs: int = 2
    expansive_convs: int = 3

    def __post_init__(self) -> None:
        check_sizes("TSVA", asdict(self))


class Tsva(nn.Module):
    """Two contracting paths of shared parameters and one expansive path that sees the skips of both.

    The residual that comes out is added to the sharper shot. The last convolution starts at zero, so that
    an untrained network gives back the sharper shot.

    Parameters
    ----------
    config
        Shape of the network.
    """

    def __init__(self, config: TsvaConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or TsvaConfig()
        widths = [config.width * 2**step for step in range(config.depth + 1)]
        self.pool = nn.MaxPool2d(2)
        self.contracting = nn.ModuleList(
            convolutions(before, after, config.contracting_convs, normalise=True)
            for before, after in zip([CHANNELS, *widths], widths, strict=False)
        )
        self.up = nn.ModuleList()
        self.expansive = nn.ModuleList()
        below = 2 * widths[-1]
        for width in reversed(widths[:-1]):
            self.up.append(nn.ConvTranspose2d(below, below // 2, 2, stride=2))
            self.expansive.append(convolutions(below // 2 + 2 * width, width, config.expansive_convs, normalise=False))
            below = width
        self.head = residual_head(below)

    @property
    def stride(self) -> int:
        """Heights and widths are multiples of this."""
        return int(2**self.config.depth)

    def forward(self, sharper: Tensor, other: Tensor) -> Tensor:
        """Fuse two shots.

        Parameters
        ----------
        sharper
            Y1, the sharper shot, shape (n, 3, height, width), from 0 to 1.
        other
            Y2, of the same shape.

        Returns
        -------
        Tensor of shape (n, 3, height, width)
            The in-focus image; may go a little beyond 0 to 1.

        Raises
        ------
        ValueError
            If the shapes differ, or the height or width is no multiple of the stride.
        """
        if sharper.shape != other.shape:
            raise ValueError(f"the shots differ in shape: {tuple(sharper.shape)}, {tuple(other.shape)}")
        if sharper.shape[-2] % self.stride or sharper.shape[-1] % self.stride:
            raise ValueError(f"height and width must be multiples of {self.stride}: {tuple(sharper.shape)}")
        skips = [self._contract(sharper), self._contract(other)]
        maps = torch.cat([path.pop() for path in skips], dim=1)
        for up, merge in zip(self.up, self.expansive, strict=True):
            maps = merge(torch.cat([up(maps), *(path.pop() for path in skips)], dim=1))
        residual: Tensor = self.head(maps)
        return sharper + residual

    def _contract(self, shot: Tensor) -> list[Tensor]:
        """Follow one contracting path and keep the maps of every step, finest first."""
        maps = [self.contracting[0](shot)]
        for step in self.contracting[1:]:
            maps.append(step(self.pool(maps[-1])))
        return maps
