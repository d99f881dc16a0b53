"""The coarse levels of an output, made in one step when all shards are written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.geometry import Region, Size
from wsi_refocus.ngff.arrays import Array, replace_shard
from wsi_refocus.ngff.files import explained
from wsi_refocus.ngff.layout import StoreLayout
from wsi_refocus.ngff.reduction import reduce_by_two
from wsi_refocus.ngff.store import open_levels


def write_coarse_levels(
    path: str | Path, layout: StoreLayout, progress: Callable[[int, int], None] | None = None
) -> None:
    """Make the levels that no task writes, each of the one before it.

    Only the coarsest level of the tasks is read, never level 0. Memory is bounded by a few shards.

    Parameters
    ----------
    path
        Folder of an output all of whose shards are written.
    layout
        Its arrays.
    progress
        Called after every shard with the number done and the number in all.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written.
    """
    arrays = open_levels(path, layout)
    coarse = [(level, region) for level in layout.levels[layout.task_levels :] for region in level.shard_regions]
    with explained(path):
        for done, (level, region) in enumerate(coarse, start=1):
            planes = _reduced(arrays[level.index - 1], region, layout.shard)
            replace_shard(Path(path), arrays[level.index], level, region, planes)
            if progress is not None:
                progress(done, len(coarse))


def _reduced(finer: Array, region: Region, step: int) -> NDArray[np.uint8]:
    """Pixels of ``region``, made of the level ``finer`` in squares of ``step`` pixels of that level."""
    planes = np.empty((3, *region.size), np.uint8)
    finer_size = Size(*finer.shape[1:])
    source = Region(2 * region.y, 2 * region.x, 2 * region.height, 2 * region.width)
    for y in range(source.y, source.y1, step):
        for x in range(source.x, source.x1, step):
            square = Region(y, x, step, step).intersection(source).intersection(Region.whole(finer_size))
            reduced = reduce_by_two(np.asarray(finer[(slice(None), *square.slices)], np.uint8))
            top, left = y // 2 - region.y, x // 2 - region.x
            planes[:, top : top + reduced.shape[1], left : left + reduced.shape[2]] = reduced
    return planes
