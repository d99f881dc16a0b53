"""Which arrays an output has, and which pixels belong to which shard; plans only, no input or output."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from wsi_refocus.geometry import Region, Size
from wsi_refocus.ngff.compressor import Compressor, Version

CHUNK = 512
SHARD = 2048


class ShardIndex(NamedTuple):
    """Row and column of a shard of level 0."""

    iy: int
    ix: int


@dataclass(frozen=True, slots=True)
class LevelLayout:
    """One array of a pyramid.

    Attributes
    ----------
    index : int
        Number of the level, 0 the finest; also the name of its array.
    size : Size
        Extent in pixels.
    scale : tuple of float
        µm per pixel (y, x).
    translation : tuple of float
        Centre of the first pixel in µm (y, x), in the frame in which that of level 0 is at the origin.
    chunk : int
        Edge of a chunk in pixels.
    shard : int
        Edge of a shard in pixels, a multiple of ``chunk``.
    """

    index: int
    size: Size
    scale: tuple[float, float]
    translation: tuple[float, float]
    chunk: int
    shard: int

    @property
    def shard_regions(self) -> Iterator[Region]:
        """Pixels of every shard of this level, clipped to it, row by row."""
        for y in range(0, self.size.height, self.shard):
            for x in range(0, self.size.width, self.shard):
                yield Region(y, x, self.shard, self.shard).intersection(Region.whole(self.size))


def pyramid_levels(
    size: Size, spacing: tuple[float, float], origin: tuple[float, float], chunk: int, shards: tuple[int, ...]
) -> tuple[LevelLayout, ...]:
    """Lay out a pyramid in steps of two, down to the first level that fits into one chunk.

    A pixel of level k covers 2ᵏ pixels of level 0, so its centre lies (2ᵏ − 1)/2 pixels beyond theirs.

    Parameters
    ----------
    size
        Extent of level 0 in pixels.
    spacing
        µm per pixel (y, x) of level 0.
    origin
        Centre of the first pixel of level 0 in µm (y, x).
    chunk
        Edge of a chunk in pixels.
    shards
        Edge of a shard of every level in pixels; the last one holds for all coarser levels.
    """
    levels: list[LevelLayout] = []
    while True:
        index = len(levels)
        offset = (2**index - 1) / 2
        levels.append(
            LevelLayout(
                index=index,
                size=size,
                scale=(spacing[0] * 2**index, spacing[1] * 2**index),
                translation=(origin[0] + offset * spacing[0], origin[1] + offset * spacing[1]),
                chunk=chunk,
                shard=shards[min(index, len(shards) - 1)],
            )
        )
        if max(size) <= chunk:
            return tuple(levels)
        size = size.halved()


@dataclass(frozen=True, slots=True)
class StoreLayout:
    """Arrays of an output.

    One task writes one shard of level 0 and, of the finer levels, the whole shards that lie above it: their
    edges halve from level to level until a shard is one chunk. So every shard has one writer, who needs
    nobody else's pixels. The levels beyond are written in one last step.

    Attributes
    ----------
    size : Size
        Extent of level 0 in pixels.
    mpp : tuple of float
        µm per pixel (y, x) of level 0.
    version : str
        Version of OME-NGFF: ``0.5``, or ``0.4``, which has no shards; there a shard is what a task writes.
    compressor : str
        Codec of the chunks, as `Compressor.parse` reads it.
    chunk : int
        Edge of a chunk in pixels.
    shard : int
        Edge of a shard of level 0 in pixels: ``chunk`` times a power of two.

    Raises
    ------
    UsageError
        If there is no such compressor.
    ValueError
        If the edges do not fit together, or the slide is empty.
    """

    size: Size
    mpp: tuple[float, float]
    version: Version = "0.5"
    compressor: str = "zstd"
    chunk: int = CHUNK
    shard: int = SHARD

    def __post_init__(self) -> None:
        Compressor.parse(self.compressor)
        ratio, rest = divmod(self.shard, self.chunk)
        if rest or ratio < 1 or ratio & (ratio - 1):
            raise ValueError(f"a shard of {self.shard} px is not {self.chunk} px times a power of two")
        if min(self.size) < 1:
            raise ValueError(f"a slide of {self.size.height} × {self.size.width} px has no pixels")
        if self.version not in ("0.5", "0.4"):
            raise ValueError(f"OME-NGFF {self.version} is not written here")

    @property
    def levels(self) -> tuple[LevelLayout, ...]:
        """Levels of the pyramid, the finest first."""
        edges = [self.shard]
        while edges[-1] > self.chunk:
            edges.append(edges[-1] // 2)
        return pyramid_levels(self.size, self.mpp, (0.0, 0.0), self.chunk, (*edges, self.shard))

    @property
    def task_levels(self) -> int:
        """Number of levels, from the finest, of which a task writes whole shards."""
        return min(len(self.levels), (self.shard // self.chunk).bit_length())

    @property
    def shards(self) -> tuple[ShardIndex, ...]:
        """All shards of level 0, row by row: the tasks of a run."""
        rows, columns = -(-self.size.height // self.shard), -(-self.size.width // self.shard)
        return tuple(ShardIndex(iy, ix) for iy in range(rows) for ix in range(columns))

    def shard_region(self, index: ShardIndex) -> Region:
        """Pixels of level 0 in a shard, clipped to the slide.

        Raises
        ------
        ValueError
            If the slide has no such shard.
        """
        square = Region(index.iy * self.shard, index.ix * self.shard, self.shard, self.shard)
        region = square.intersection(Region.whole(self.size))
        if min(index) < 0 or not region.area:
            raise ValueError(f"there is no shard {index.iy}, {index.ix}")
        return region
