"""Grids fixed to the slide: cells that decisions and measures belong to, and tiles that a method works on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.geometry import Region, Size

CELL = 512
"""Edge in pixels of the cells of a slide: every decision and every measure belongs to one cell."""

TILE = 1024
"""Usual edge in pixels of tiles: large enough that their halos do not cost much."""


class CellIndex(NamedTuple):
    """Row and column of a cell."""

    iy: int
    ix: int


@dataclass(frozen=True, slots=True)
class CellGrid:
    """Squares of ``edge`` pixels that cover a slide from its corner; the last ones are clipped.

    Attributes
    ----------
    size : Size
        Extent of the slide in pixels.
    edge : int
        Edge of a cell in pixels.
    """

    size: Size
    edge: int = CELL

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and columns of cells."""
        return -(-self.size.height // self.edge), -(-self.size.width // self.edge)

    def region(self, cell: CellIndex) -> Region:
        """Pixels of a cell."""
        square = Region(cell.iy * self.edge, cell.ix * self.edge, self.edge, self.edge)
        return square.intersection(Region.whole(self.size))

    def within(self, region: Region) -> Iterator[CellIndex]:
        """Cells that share pixels with ``region``, row by row."""
        inside = region.intersection(Region.whole(self.size))
        if not inside.area:
            return
        for iy in range(inside.y // self.edge, -(-inside.y1 // self.edge)):
            for ix in range(inside.x // self.edge, -(-inside.x1 // self.edge)):
                yield CellIndex(iy, ix)

    def __iter__(self) -> Iterator[CellIndex]:
        """All cells, row by row."""
        return self.within(Region.whole(self.size))


@dataclass(frozen=True, slots=True)
class Tile:
    """A piece of a slide as a method sees it.

    Attributes
    ----------
    core : Region
        Pixels that are written.
    outer : Region
        Pixels that are read: the core and its halo, to whole strides; may reach beyond the slide.
    """

    core: Region
    outer: Region

    @property
    def crop(self) -> tuple[slice, slice]:
        """Index of the core in the pixels read."""
        return self.core.relative_to(self.outer).slices


@dataclass(frozen=True, slots=True)
class TileGrid:
    """Tiles whose outer corners lie on multiples of a network's stride on the slide's own grid.

    With a halo that covers the receptive field, what a method gives at a pixel then depends neither on the
    tile that the pixel falls in nor on the tile's size.

    Attributes
    ----------
    edge : int
        Edge of a tile's core in pixels, a multiple of ``stride``.
    halo : int
        Pixels a side beyond the core, a multiple of ``stride``.
    stride : int
        Stride of the network.
    """

    edge: int = TILE
    halo: int = 0
    stride: int = 1

    def __post_init__(self) -> None:
        if self.edge <= 0 or self.edge % self.stride:
            raise ValueError(f"a tile of {self.edge} px is not a positive multiple of the stride {self.stride}")
        if self.halo < 0 or self.halo % self.stride:
            raise ValueError(f"a halo of {self.halo} px is not a multiple of the stride {self.stride}")

    @property
    def reach(self) -> int:
        """Pixels a side that the tiles of a region can reach beyond it."""
        return self.halo + self.stride - 1

    def tiles(self, region: Region) -> Iterator[Tile]:
        """Tiles whose cores partition ``region``, row by row.

        Parameters
        ----------
        region
            Pixels to cover; its corner lies on a multiple of the stride.

        Raises
        ------
        ValueError
            If the corner does not.
        """
        if region.y % self.stride or region.x % self.stride:
            raise ValueError(f"region {region} does not start on the stride {self.stride}")
        for y in _cuts(region.y, region.y1, self.edge):
            for x in _cuts(region.x, region.x1, self.edge):
                square = Region(y // self.edge * self.edge, x // self.edge * self.edge, self.edge, self.edge)
                yield self.tile(square.intersection(region))

    def tile(self, core: Region) -> Tile:
        """The tile of a core whose corner lies on a multiple of the stride."""
        height, width = (-(-side // self.stride) * self.stride for side in core.size)
        return Tile(core, Region(core.y, core.x, height, width).grown(self.halo))

    def narrowed(self, tile: Tile, wanted: NDArray[np.bool_]) -> Tile:
        """The smallest tile on the stride that has all pixels of a tile that are wanted.

        Parameters
        ----------
        tile
            A tile of this grid.
        wanted
            Its pixels, shape (height, width) of the core; at least one is wanted.
        """
        spans = [np.flatnonzero(wanted.any(axis=1 - axis)) for axis in (0, 1)]
        y, x = (int(span[0]) // self.stride * self.stride for span in spans)
        height, width = int(spans[0][-1]) + 1 - y, int(spans[1][-1]) + 1 - x
        return self.tile(Region(tile.core.y + y, tile.core.x + x, height, width))


def _cuts(start: int, stop: int, edge: int) -> Iterator[int]:
    """First pixel of each piece that the grid cuts out of ``start`` to ``stop``."""
    yield start
    yield from range((start // edge + 1) * edge, stop, edge)
