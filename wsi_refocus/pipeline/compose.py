"""One piece of the refocused slide from two aligned shots: predict where asked, blend where decisions change."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.geometry import Region
from wsi_refocus.methods import Method
from wsi_refocus.pairing.blending import feather
from wsi_refocus.tiling.grid import Tile, TileGrid

Pixels = NDArray[np.uint8]
Weight = NDArray[np.float32] | float


@dataclass(frozen=True, slots=True)
class Decisions:
    """What is done where, on the cells of the slide.

    Attributes
    ----------
    second_is_sharper : ndarray of bool
        Cells in which the second plane is Y1.
    predicted : ndarray of bool
        Cells that the method restores; the others keep Y1 as captured.
    """

    second_is_sharper: NDArray[np.bool_]
    predicted: NDArray[np.bool_]


class Job(NamedTuple):
    """A tile to predict, and whether the second plane is Y1 in it."""

    tile: Tile
    swapped: bool


def compose(
    region: Region,
    outer: Region,
    first: Pixels,
    second: Pixels,
    decisions: Decisions,
    method: Method,
    grid: TileGrid,
) -> Pixels:
    """Make the refocused pixels of a region.

    Where the choice of the sharper plane changes between cells, both orders are predicted and blended over
    a strip that belongs to the slide, so that the result does not depend on how it is cut into tiles.

    Parameters
    ----------
    region
        Pixels to make.
    outer
        Pixels that ``first`` and ``second`` hold: the region and at least the tiles' halo.
    first, second
        The aligned planes over ``outer``, shape (height, width, 3).
    decisions
        What is done where.
    method
        Method that restores.
    grid
        Tiles to work in.

    Returns
    -------
    ndarray of shape (region.height, region.width, 3)
        RGB.
    """
    result = np.empty((*region.size, 3), np.uint8)
    jobs = planned_jobs(region, decisions, grid, by_height=method.by_height)
    expected = Counter(job.tile for job in jobs)
    for tile in grid.tiles(region):
        if tile not in expected:
            core = tile.core.relative_to(outer).slices
            swap = feather(decisions.second_is_sharper, tile.core)
            result[tile.core.relative_to(region).slices] = mixed(first[core], second[core], swap)

    predictions: dict[Tile, dict[bool, NDArray[np.generic]]] = defaultdict(dict)
    for job, prediction in _predict(jobs, outer, first, second, method):
        predictions[job.tile][job.swapped] = prediction
        if len(predictions[job.tile]) < expected[job.tile]:
            continue
        by_order = predictions.pop(job.tile)
        swap = feather(decisions.second_is_sharper, job.tile.core)
        trust = feather(decisions.predicted, job.tile.core)
        refocused = by_order[False] if method.by_height else mixed(by_order.get(False), by_order.get(True), swap)
        if np.any(np.less(trust, 1)):
            core = job.tile.core.relative_to(outer).slices
            refocused = mixed(mixed(first[core], second[core], swap), refocused, trust)
        result[job.tile.core.relative_to(region).slices] = _grey_levels(refocused)
    return result


def planned_jobs(region: Region, decisions: Decisions, grid: TileGrid, *, by_height: bool = False) -> list[Job]:
    """List what has to be predicted for a region.

    Parameters
    ----------
    region
        Pixels to make.
    decisions
        What is done where.
    grid
        Tiles to work in.
    by_height
        Whether the method takes the lower plane first wherever it is.

    Returns
    -------
    list of Job
        One a tile, two where the choice of the sharper plane changes within it, none where nothing is predicted. Tiles
        are no larger than what is predicted in them.
    """
    jobs = []
    for tile in grid.tiles(region):
        trust = feather(decisions.predicted, tile.core)
        if not np.any(trust):
            continue
        needed = tile if isinstance(trust, float) else grid.narrowed(tile, trust > 0)
        orders = [False] if by_height else _orders(feather(decisions.second_is_sharper, needed.core))
        jobs += [Job(needed, swapped) for swapped in orders]
    return jobs


def _orders(swap: Weight) -> list[bool]:
    """Orders of the planes that a tile needs: not swapped, swapped, or both."""
    return [swapped for swapped, needed in ((False, np.any(np.less(swap, 1))), (True, np.any(swap))) if needed]


def _predict(
    jobs: list[Job], outer: Region, first: Pixels, second: Pixels, method: Method
) -> Iterator[tuple[Job, NDArray[np.generic]]]:
    """Restore tiles in batches of one shape; yields the cores."""
    by_shape: dict[tuple[int, int], list[Job]] = defaultdict(list)
    for job in jobs:
        by_shape[job.tile.outer.size].append(job)
    for group in by_shape.values():
        for start in range(0, len(group), method.batch):
            batch = group[start : start + method.batch]
            pairs = [_cut(job, outer, first, second) for job in batch]
            sharper = np.stack([pair[0] for pair in pairs])
            other = np.stack([pair[1] for pair in pairs])
            for job, restored in zip(batch, method.restore(sharper, other), strict=True):
                yield job, restored[job.tile.crop]


def _cut(job: Job, outer: Region, first: Pixels, second: Pixels) -> tuple[Pixels, Pixels]:
    window = job.tile.outer.relative_to(outer).slices
    return (second[window], first[window]) if job.swapped else (first[window], second[window])


def mixed(zero: NDArray[np.generic] | None, one: NDArray[np.generic] | None, weight: Weight) -> NDArray[np.generic]:
    """Blend two images of shape (height, width, 3).

    Parameters
    ----------
    zero, one
        What is taken where the weight is 0 and 1; None if it is so nowhere.
    weight
        Of shape (height, width), or one for all.

    Returns
    -------
    ndarray of shape (height, width, 3)
        8-bit if both are, or only one is needed and that is; else float32.
    """
    if not np.any(weight):
        assert zero is not None  # noqa: S101 - the order was predicted because its weight is not 0
        return zero
    if not np.any(np.less(weight, 1)):
        assert one is not None  # noqa: S101
        return one
    assert zero is not None and one is not None  # noqa: S101
    share = np.asarray(weight, np.float32)[..., np.newaxis]
    blend = zero.astype(np.float32) * (1 - share) + one.astype(np.float32) * share
    return _grey_levels(blend) if zero.dtype == one.dtype == np.uint8 else blend


def _grey_levels(pixels: NDArray[np.generic]) -> Pixels:
    """Round to whole grey levels, halves up."""
    if pixels.dtype == np.uint8:
        return pixels.view(np.uint8)
    rounded: Pixels = np.clip(pixels.astype(np.float32) + np.float32(0.5), 0, 255).astype(np.uint8)
    return rounded
