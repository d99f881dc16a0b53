"""The pyramid of an output: making its arrays, writing one shard, reading a region back."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.geometry import Region
from wsi_refocus.ngff.arrays import Array, create_array, open_array, replace_shard
from wsi_refocus.ngff.compressor import Compressor
from wsi_refocus.ngff.files import explained
from wsi_refocus.ngff.layout import ShardIndex, StoreLayout
from wsi_refocus.ngff.reduction import reduce_by_two


def create_store(path: str | Path, layout: StoreLayout) -> None:
    """Make the empty arrays of all levels.

    The root stays without a group document until `wsi_refocus.ngff.metadata.finish_store`, so that no reader
    takes an unfinished output for a slide.

    Parameters
    ----------
    path
        Folder of the output.
    layout
        Its arrays.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    with explained(path):
        for level in layout.levels:
            create_array(
                Path(path),
                level,
                channels=3,
                channels_in_chunk=3,
                dtype=np.uint8,
                version=layout.version,
                compressor=Compressor.parse(layout.compressor),
            )


def open_levels(path: str | Path, layout: StoreLayout) -> tuple[Array, ...]:
    """Arrays of all levels, each of shape (3, height, width); opened once in a process.

    Parameters
    ----------
    path
        Folder of the output.
    layout
        Its arrays.

    Raises
    ------
    OutputError
        If the arrays are not there.
    """
    with explained(path):
        return _opened(str(Path(path).absolute()), layout)


@lru_cache(maxsize=4)
def _opened(path: str, layout: StoreLayout) -> tuple[Array, ...]:
    return tuple(open_array(Path(path), level.index, writable=True) for level in layout.levels)


def write_shard(
    path: str | Path, layout: StoreLayout, index: ShardIndex, pixels: NDArray[np.uint8], *, needed: bool = False
) -> None:
    """Write one shard of level 0, and the whole shards above it in the finer levels.

    Nothing is read, and no two shards share a file: any number of threads and processes may write at once, as
    long as each shard has one writer. Each file appears whole; what a killed process leaves behind is
    replaced when the shard is written again. Takes about three times the memory of ``pixels``.

    Parameters
    ----------
    path
        Folder of the output.
    layout
        Its arrays.
    index
        The shard.
    pixels
        RGB of `StoreLayout.shard_region`, shape (height, width, 3).
    needed
        Whether what was written of the shard before must outlive an interruption; slower.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written.
    ValueError
        If the pixels are not those of the shard.
    """
    region = layout.shard_region(index)
    if pixels.shape != (*region.size, 3) or pixels.dtype != np.uint8:
        given = f"{pixels.dtype} of {pixels.shape}"
        raise ValueError(f"shard {index.iy}, {index.ix} takes uint8 of {(*region.size, 3)}, not {given}")
    arrays = open_levels(path, layout)
    planes = np.ascontiguousarray(np.moveaxis(pixels, -1, 0))
    with explained(path):
        for level in layout.levels[: layout.task_levels]:
            if level.index > 0:
                planes = reduce_by_two(planes)
            place = Region(index.iy * level.shard, index.ix * level.shard, *planes.shape[1:])
            replace_shard(Path(path), arrays[level.index], level, place, planes, needed=needed)


def read_level(path: str | Path, level: int, region: Region) -> NDArray[np.uint8]:
    """Read pixels of an output, finished or not.

    Parameters
    ----------
    path
        Folder of the output.
    level
        Number of the level.
    region
        Pixels of that level.

    Returns
    -------
    ndarray of shape (height, width, 3)
        RGB; black where nothing is written yet.

    Raises
    ------
    OutputError
        If the level is not there.
    """
    planes = np.asarray(open_array(Path(path), level)[(slice(None), *region.slices)], np.uint8)
    return np.ascontiguousarray(np.moveaxis(planes, 0, -1))
