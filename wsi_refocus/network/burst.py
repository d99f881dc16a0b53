"""A network for a burst of shots in any order, after Aittala and Durand, ECCV 2018."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from wsi_refocus.network.convolutions import CHANNELS, check_sizes, convolutions, residual_head


@dataclass(frozen=True, slots=True)
class BurstConfig:
    """Shape of a burst network.

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
        check_sizes("burst", asdict(self))


class Burst(nn.Module):
    """A U-Net on every shot with shared parameters, whose shots exchange what is largest among them.

    After every step each shot's maps are joined with the maximum over all shots, so that no shot is special and their
    order plays no part. The maximum over the shots of the last maps gives a residual that is added to the mean
    of the shots.

    Parameters
    ----------
    config
        Shape of the network.
    """

    def __init__(self, config: BurstConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or BurstConfig()
        widths = [config.width * 2**step for step in range(config.depth + 1)]
        self.pool = nn.MaxPool2d(2)
        joined = [CHANNELS, *(2 * width for width in widths)]
        self.contracting = nn.ModuleList(
            convolutions(before, after, 2, normalise=True) for before, after in zip(joined, widths, strict=False)
        )
        falling = widths[::-1]
        self.up = nn.ModuleList(nn.ConvTranspose2d(4 * width, width, 2, stride=2) for width in falling[1:])
        self.expansive = nn.ModuleList(convolutions(3 * width, width, 2, normalise=False) for width in falling[1:])
        self.merge = convolutions(config.width, config.width, 1, normalise=False)
        self.head = residual_head(config.width)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Fuse two shots in any order, shape (n, 3, height, width), from 0 to 1."""
        shots = torch.stack([first, second], dim=1)
        features = shots
        maps = []
        for number, step in enumerate(self.contracting):
            features = _joined(_each(step, _each(self.pool, features) if number else features))
            maps.append(features)
        features = maps.pop()
        for up, merge in zip(self.up, self.expansive, strict=True):
            features = _joined(_each(merge, torch.cat([_each(up, features), maps.pop()], dim=2)))
        largest = features[:, :, : self.config.width].amax(dim=1)
        image: Tensor = shots.mean(dim=1) + self.head(self.merge(largest))
        return image


def _each(layer: nn.Module, shots: Tensor) -> Tensor:
    """Apply a layer to every shot of a batch of shape (n, shots, channels, height, width)."""
    result: Tensor = layer(shots.flatten(0, 1)).unflatten(0, shots.shape[:2])
    return result


def _joined(shots: Tensor) -> Tensor:
    """Each shot's maps and the largest of all shots, one after the other."""
    largest = shots.amax(dim=1, keepdim=True).expand_as(shots)
    return torch.cat([shots, largest], dim=2)
