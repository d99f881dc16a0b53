"""What an output holds on disk: its images, their levels, and the file of every piece of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.errors import OutputError
from wsi_refocus.geometry import Region, Size
from wsi_refocus.ngff.arrays import Array, open_array
from wsi_refocus.ngff.documents import read_attributes
from wsi_refocus.ngff.reduction import reduce_by_two

Slices = tuple[slice, slice, slice]


class Piece(NamedTuple):
    """One file of an array: a shard, or a chunk where there are no shards.

    Attributes
    ----------
    file : str
        Its name, relative to the output.
    place : tuple of slice
        What it holds of the axes (c, y, x).
    """

    file: str
    place: Slices


@dataclass(frozen=True, slots=True)
class StoredLevel:
    """One level of an image.

    Attributes
    ----------
    name : str
        Folder of its array, relative to the output.
    array : zarr.Array
        The array, axes (c, y, x).
    """

    name: str
    array: Array

    @property
    def size(self) -> Size:
        """Extent in pixels."""
        return Size(*self.array.shape[1:])

    @property
    def chunk(self) -> int:
        """Edge of a chunk in pixels."""
        return int(self.array.chunks[1])

    def pieces(self) -> Iterator[Piece]:
        """Files that the array must have: all of them, blank ones too, are written."""
        edges = self.array.shards or self.array.chunks
        for index in product(*(range(-(-side // edge)) for side, edge in zip(self.array.shape, edges, strict=True))):
            c, y, x = (slice(i * edge, (i + 1) * edge) for i, edge in zip(index, edges, strict=True))
            yield Piece(f"{self.name}/{self.array.metadata.encode_chunk_key(index)}", (c, y, x))

    def files_of(self, region: Region) -> list[str]:
        """Names of the files that hold the pixels of a region, of a level whose channels lie together."""
        _, height, width = self.array.shards or self.array.chunks
        inside = region.intersection(Region.whole(self.size))
        rows = range(inside.y // height, -(-inside.y1 // height))
        columns = range(inside.x // width, -(-inside.x1 // width))
        return [f"{self.name}/{self.array.metadata.encode_chunk_key((0, *index))}" for index in product(rows, columns)]

    def read(self, place: Slices) -> NDArray[Any]:
        """Read and decode pixels.

        Raises
        ------
        OutputError
            If they cannot be decoded.
        """
        try:
            return np.asarray(self.array[place])
        except Exception as error:  # stores and codecs raise errors of their own, which have no base in common
            raise OutputError(
                f"cannot be decoded ({said(error)}); copy the output again or run with --overwrite"
            ) from error

    def regions(self) -> Iterator[Region]:
        """Squares of a chunk's edge that cover the level, clipped to it."""
        whole = Region.whole(self.size)
        for y, x in product(range(0, self.size.height, self.chunk), range(0, self.size.width, self.chunk)):
            yield Region(y, x, self.chunk, self.chunk).intersection(whole)


def said(error: Exception) -> str:
    """What an error says, in one line."""
    return str(error).partition("\n")[0] or type(error).__name__


def image_groups(contents: dict[str, Any]) -> dict[str, str]:
    """Images of an output: folder, and what kind of image it is.

    Parameters
    ----------
    contents
        What the provenance says under ``slide``.

    Returns
    -------
    dict
        ``slide`` for the empty name of the root; ``phase``, ``quality`` and ``associated`` where they are.
    """
    groups = {"": "slide"}
    groups |= {str(contents[key]): kind for key, kind in _KINDS.items() if contents.get(key)}
    associated = contents.get("associated") or {}
    # what is no mapping of names is no folder either, and found to be missing when it is opened
    named = associated.values() if isinstance(associated, dict) else [associated]
    return groups | dict.fromkeys(map(str, named), "associated")


_KINDS = {"phase": "phase", "quality_image": "quality"}
_MOST_PIECES = 10_000_000
_MOST_BYTES = 2**30
"""Files and chunks of an array, and bytes of one of them, beyond what any output has."""


def open_image(path: str | Path, group: str) -> tuple[StoredLevel, ...]:
    """Open all levels of an image of an output, the finest first.

    Parameters
    ----------
    path
        Folder of the output.
    group
        Folder of the image in it; empty for the slide itself.

    Raises
    ------
    OutputError
        If the group lies outside of the output or describes no image, a level is missing or damaged, or their
        extents do not halve from one to the next, down to one chunk.
    """
    folder = Path(path) / group
    if not _is_inside(folder, Path(path)):
        raise OutputError(f"names {group[:80]!r}, which lies outside of the output; copy the output again")
    attributes = read_attributes(folder) or {}
    try:
        datasets = attributes.get("ome", attributes)["multiscales"][0]["datasets"]
        names = [str(dataset["path"]) for dataset in datasets]
    except (KeyError, IndexError, TypeError, AttributeError):
        raise OutputError(f"{group or 'the root'} describes no image; copy the output again") from None
    if not names or names != [str(index) for index in range(len(names))]:
        raise OutputError(f"lists the levels {', '.join(names) or 'none'}, not 0, 1 …; copy the output again")
    levels = []
    for index in range(len(names)):
        name = f"{group}/{index}" if group else str(index)
        try:
            levels.append(StoredLevel(name, open_array(folder, index)))
        except OutputError:
            raise OutputError(f"level {index} is missing or its metadata are damaged; copy the output again") from None
        if not _is_sound(levels[-1].array):
            raise OutputError(f"level {index} is no image, or one of absurd size; copy the output again")
    _check_extents(levels)
    return tuple(levels)


def _is_inside(folder: Path, root: Path) -> bool:
    try:
        return folder.resolve().is_relative_to(root.resolve())
    except (OSError, ValueError):  # a name that no folder can have: too long, or with a NUL
        return False


def _is_sound(array: Array) -> bool:
    """Whether an array can be read piece by piece, before it is."""
    if array.ndim != 3 or min(*array.shape, *array.chunks) < 1:
        return False
    pieces = prod(-(-side // edge) for side, edge in zip(array.shape, array.chunks, strict=True))
    largest = prod(array.shards or array.chunks) * array.dtype.itemsize
    return pieces <= _MOST_PIECES and largest <= _MOST_BYTES


def _check_extents(levels: list[StoredLevel]) -> None:
    for finer, coarser in pairwise(levels):
        if coarser.size != finer.size.halved() or coarser.chunk != finer.chunk:
            wanted, found = finer.size.halved(), coarser.size
            raise OutputError(
                f"{coarser.name} is {found.height} × {found.width}, not {wanted.height} × {wanted.width} pixels; "
                "copy the output again"
            )
    last = levels[-1]
    if len(levels) > 1 and max(last.size) > last.chunk:
        raise OutputError(f"its levels end at {last.size.height} × {last.size.width} pixels; copy the output again")


def reduction_error(finer: StoredLevel, coarser: StoredLevel, region: Region) -> int:
    """Count the values of a level that are not what the next finer level gives.

    Parameters
    ----------
    finer, coarser
        A level and the one after it.
    region
        Pixels of the coarser level.

    Raises
    ------
    OutputError
        If one of them cannot be decoded.
    """
    rows, columns = (slice(2 * side.start, 2 * side.stop) for side in region.slices)
    wanted = reduce_by_two(np.ascontiguousarray(finer.read((slice(None), rows, columns)), np.uint8))
    found = coarser.read((slice(None), *region.slices))
    return int(np.count_nonzero(wanted != found))
