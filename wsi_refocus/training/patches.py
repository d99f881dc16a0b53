"""Batches of patches cut from simulated fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wsi_refocus.quality.focus import brenner_gradient
from wsi_refocus.training.fields import Fields


@dataclass(frozen=True, slots=True)
class Batch:
    """Patches to learn from.

    Attributes
    ----------
    first, second, truth : Tensor, shape (n, 3, height, width)
        Shots and what they are of, from 0 to 1. The truth lies on the grid of the shot that is nearer to it: which
        of two shifted shots a network should follow would otherwise be a riddle without an answer.
    candidates : Tensor, shape (n, guesses, 3, height, width)
        What the bank of inversions makes of the shots.
    height_um : Tensor, shape (n,)
        Height of the middle of both shots above the section, −δ.
    """

    first: Tensor
    second: Tensor
    truth: Tensor
    candidates: Tensor
    height_um: Tensor

    def sharper_first(self) -> Batch:
        """The same with the sharper shot, by Brenner gradient, in front; the candidates stay."""
        pairs = zip(self.first, self.second, strict=True)
        swap = torch.tensor([_gradient(second) > _gradient(first) for first, second in pairs])
        swap = swap.view(-1, 1, 1, 1).to(self.first.device)
        first, second = torch.where(swap, self.second, self.first), torch.where(swap, self.first, self.second)
        return replace(self, first=first, second=second)

    def without_network(self) -> dict[str, Tensor]:
        """What needs no network: the shots and their mean."""
        return {"first": self.first, "second": self.second, "mean": (self.first + self.second) / 2}

    def to(self, device: torch.device) -> Batch:
        """The same on a device."""
        return Batch(*(getattr(self, each.name).to(device) for each in fields(self)))


def draw_batch(
    files: Sequence[Fields], size: int, patch: int, generator: np.random.Generator, *, exchange: bool = True
) -> Batch:
    """Cut patches from fields drawn at random.

    Each is turned and mirrored at random; if exchanged, half of them with the planes in the other order, as if the
    stage counted the other way, and three of ten with their colours in another order.

    Parameters
    ----------
    files
        Fields to cut from.
    size
        Number of patches.
    patch
        Their edge in pixels.
    generator
        Source of chance; the same gives the same batch.
    exchange
        Whether planes and colours may be exchanged: not so where the bank knows which side of focus is which.
    """
    cuts = [_cut(files[int(generator.integers(len(files)))], patch, generator, exchange) for _ in range(size)]
    pixels, bank, heights = zip(*cuts, strict=True)
    shots, candidates = (torch.from_numpy(np.stack(each)).float().div_(255) for each in (pixels, bank))
    return Batch(shots[:, 0], shots[:, 1], shots[:, 2], candidates, torch.tensor(heights, dtype=torch.float32))


def whole_field(shots: NDArray[np.uint8], candidates: NDArray[np.uint8], drift_um: float) -> Batch:
    """A field as a batch of one."""
    ordered = _with_its_truth(np.moveaxis(shots, 3, 1))
    pixels, bank = (torch.from_numpy(each.copy()).float().div_(255)[None] for each in (ordered, candidates))
    return Batch(pixels[:, 0], pixels[:, 1], pixels[:, 2], bank, torch.tensor([-float(drift_um)]))


def _cut(
    file: Fields, patch: int, generator: np.random.Generator, exchange: bool
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], float]:
    """Shots and truth, shape (3, 3, patch, patch); candidates, shape (guesses, 3, patch, patch); and the height."""
    number = int(generator.integers(len(file.shots)))
    height = -float(file.drift_um[number])
    y, x = (int(generator.integers(0, side - patch + 1)) for side in file.shots.shape[2:4])
    window = (slice(y, y + patch), slice(x, x + patch))
    shots = np.moveaxis(file.shots[number][(slice(None), *window)], 3, 1)
    candidates = file.candidates[number][(slice(None), slice(None), *window)]
    turns, mirrored = int(generator.integers(4)), generator.random() < 0.5
    if exchange and generator.random() < 0.5:
        shots, candidates, height = shots[[1, 0, 3, 2]], candidates[::-1], -height
    if exchange and generator.random() < 0.3:
        colours = generator.permutation(3)
        shots, candidates = shots[:, colours], candidates[:, colours]
    turned = [np.rot90(each, turns, (-2, -1)) for each in (_with_its_truth(shots), candidates)]
    shots, candidates = (each[..., ::-1] if mirrored else each for each in turned)
    return np.ascontiguousarray(shots), np.ascontiguousarray(candidates), height


def _with_its_truth(shots: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """First and second shot, and the truth on the grid of that which is nearer to it."""
    errors = [np.mean((shots[number].astype(np.float32) - shots[number + 2]) ** 2) for number in (0, 1)]
    return shots[[0, 1, 3 if errors[1] < errors[0] else 2]]


def _gradient(shot: Tensor) -> float:
    return brenner_gradient(shot.mul(255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy())
