"""Patches of simulated acquisitions: an endless stream to learn from, and a fixed set to validate on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from wsi_refocus.optics.scanner import TwoShots, acquire, draw_acquisition
from wsi_refocus.quality.focus import brenner_gradient
from wsi_refocus.training.manifest import Entry

FIELD = 256
"""Edge in pixels of the fields that are simulated at once; patches are cut from them."""
_PATCHES_PER_FIELD = 6
_POOL = 96
_DULL = 0.25
"""Share of patches of nearly empty glass that is kept; the others teach little."""

Shots = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]


class PatchStream(IterableDataset[tuple[Tensor, Tensor, Tensor]]):
    """Endless patches, each worker with a seed of its own.

    Parameters
    ----------
    entries
        Images to draw from.
    patch
        Edge of a patch in pixels.
    seed
        Seed; with the number of the step that a training is resumed at, so that it does not see the same again.
    """

    def __init__(self, entries: Sequence[Entry], patch: int, seed: int) -> None:
        self._entries = list(entries)
        self._patch = patch
        self._seed = seed

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield (sharper, other, truth), each uint8 of shape (3, patch, patch)."""
        info = get_worker_info()
        generator = np.random.default_rng([self._seed, info.id if info else 0])
        images: dict[int, NDArray[np.uint8]] = {}
        pool: list[Shots] = []
        while True:
            number = int(generator.integers(len(self._entries)))
            if number not in images:
                images[number] = self._entries[number].read()
            shots = acquire(_field(images[number], generator), self._entries[number].mpp, draw_acquisition(generator))
            pool.extend(self._cut(shots, generator))
            while len(pool) > _POOL:
                yield _tensors(pool.pop(int(generator.integers(len(pool)))))

    def _cut(self, shots: TwoShots, generator: np.random.Generator) -> Iterator[Shots]:
        for _ in range(_PATCHES_PER_FIELD):
            y, x = (int(generator.integers(0, side - self._patch + 1)) for side in shots.truth.shape[:2])
            window = (slice(y, y + self._patch), slice(x, x + self._patch))
            if shots.truth[window].std() < 6 and generator.random() > _DULL:
                continue
            yield ordered(shots, window)


@dataclass(frozen=True, slots=True)
class Validation:
    """Fixed patches of held-out groups.

    Attributes
    ----------
    sharper, other, truth : Tensor of uint8, shape (n, 3, FIELD, FIELD)
        Shots and truth.
    drift_um : ndarray of float, shape (n,)
        |δ| of each.
    """

    sharper: Tensor
    other: Tensor
    truth: Tensor
    drift_um: NDArray[np.float64]


def validation_set(entries: Sequence[Entry], count: int, seed: int) -> Validation:
    """Simulate a fixed set of fields."""
    generator = np.random.default_rng([seed, 2**20])
    fields, drifts = [], []
    for number in range(count):
        entry = entries[number % len(entries)]
        acquisition = draw_acquisition(generator)
        shots = acquire(_field(entry.read(), generator), entry.mpp, acquisition)
        fields.append(_tensors(ordered(shots)))
        drifts.append(abs(acquisition.drift_um))
    sharper, other, truth = (torch.stack(each) for each in zip(*fields, strict=True))
    return Validation(sharper, other, truth, np.array(drifts))


def ordered(shots: TwoShots, window: tuple[slice, slice] = (slice(None), slice(None))) -> Shots:
    """The shots with the sharper one, by Brenner gradient, in front; and the truth that lies on that one."""
    first, second = shots.first[window], shots.second[window]
    if brenner_gradient(second) > brenner_gradient(first):
        return second, first, shots.truth_of_second[window]
    return first, second, shots.truth[window]


def _field(image: NDArray[np.uint8], generator: np.random.Generator) -> NDArray[np.uint8]:
    """Random part of an image, turned and mirrored at random."""
    y, x = (int(generator.integers(0, max(1, side - FIELD + 1))) for side in image.shape[:2])
    part = np.rot90(image[y : y + FIELD, x : x + FIELD], int(generator.integers(4)))
    return np.ascontiguousarray(part[:, ::-1] if generator.random() < 0.5 else part)


def _tensors(shots: Shots) -> tuple[Tensor, Tensor, Tensor]:
    sharper, other, truth = (torch.from_numpy(np.ascontiguousarray(np.moveaxis(each, 2, 0))) for each in shots)
    return sharper, other, truth
