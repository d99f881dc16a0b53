"""The zarr arrays of an output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import DTypeLike, NDArray
from zarr.storage import LocalStore

from wsi_refocus.errors import OutputError
from wsi_refocus.geometry import Region
from wsi_refocus.ngff.compressor import Compressor, Version
from wsi_refocus.ngff.layout import LevelLayout

Array = zarr.Array[Any]

# Every chunk is written, blank ones too: so one that is missing is one that was lost, and the fill value
# makes that a black hole instead of something that looks like clean glass.
FILL_VALUE = 0


def create_array(
    path: Path,
    level: LevelLayout,
    *,
    channels: int,
    channels_in_chunk: int,
    dtype: DTypeLike,
    version: Version,
    compressor: Compressor,
) -> Array:
    """Make an empty array of the axes (c, y, x), in place of one that is there.

    Parameters
    ----------
    path
        Folder of the group; the array lies in it under the level's index.
    level
        Extent, chunks and shards.
    channels
        Length of the axis c.
    channels_in_chunk
        Channels that lie in one chunk.
    dtype
        Type of the elements.
    version
        Version of OME-NGFF; 0.4 has no shards.
    compressor
        Codec of the chunks.
    """
    data_type = np.dtype(dtype)
    sharded = version == "0.5" and level.shard > level.chunk
    codec = compressor.metadata(version, data_type.itemsize)
    # the array's own folder is the root of its store: zarr would make the group above it as well
    return zarr.create_array(
        LocalStore(path / str(level.index)),
        shape=(channels, *level.size),
        chunks=(channels_in_chunk, level.chunk, level.chunk),
        shards=(channels_in_chunk, level.shard, level.shard) if sharded else None,
        dtype=data_type,
        compressors=None if codec is None else (codec,),
        filters=None,
        fill_value=FILL_VALUE,
        zarr_format=3 if version == "0.5" else 2,
        chunk_key_encoding={"name": "default" if version == "0.5" else "v2", "separator": "/"},
        dimension_names=("c", "y", "x") if version == "0.5" else None,
        overwrite=True,
        config={"write_empty_chunks": True},
    )


def open_array(path: Path, index: int, *, writable: bool = False) -> Array:
    """Open the array of a level.

    Parameters
    ----------
    path
        Folder of the group.
    index
        Number of the level.
    writable
        Whether it is going to be written.

    Raises
    ------
    OutputError
        If there is no such array, or its metadata is damaged.
    """
    store = LocalStore(path / str(index), read_only=not writable)
    try:
        array: Array = zarr.open_array(store, mode="r+" if writable else "r")
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        raise OutputError(f"{path}: has no sound array {index}; start anew with --overwrite") from None
    configured: Array = array.with_config({"write_empty_chunks": True})  # not kept in the array's metadata
    return configured


def replace_shard(
    path: Path, array: Array, level: LevelLayout, region: Region, planes: NDArray[Any], *, needed: bool = False
) -> None:
    """Write a whole shard, whatever lies there.

    Parameters
    ----------
    path
        Folder of the group.
    array
        The open array of the level.
    level
        Its layout.
    region
        Pixels of the shard, clipped to the level.
    planes
        Pixels, shape (channels, height, width).
    needed
        Whether what lies there must not be lost if this is interrupted: then it stays until the new file takes its
        place.
    """
    if array.shards is not None and not needed:
        # zarr reads and unpacks a shard that is there, even a damaged one, although all of it is replaced
        key = array.metadata.encode_chunk_key((0, region.y // level.shard, region.x // level.shard))
        (path / str(level.index) / key).unlink(missing_ok=True)
    array[(slice(None), *region.slices)] = planes


def write_image(
    path: Path,
    level: LevelLayout,
    planes: NDArray[Any],
    *,
    channels_in_chunk: int,
    version: Version,
    compressor: Compressor,
) -> None:
    """Make an array and fill it.

    Parameters
    ----------
    path
        Folder of the group.
    level
        Extent and chunks.
    planes
        Pixels, shape (channels, height, width).
    channels_in_chunk, version, compressor
        As for `create_array`.
    """
    array = create_array(
        path,
        level,
        channels=len(planes),
        channels_in_chunk=channels_in_chunk,
        dtype=planes.dtype,
        version=version,
        compressor=compressor,
    )
    array[...] = planes
