"""Reading the two planes of a pair on one pixel grid."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.geometry import Region
from wsi_refocus.pairing.resampling import BLOCK, BlockWarp, Corners
from wsi_refocus.pairing.survey import Survey
from wsi_refocus.slide.source import SlideSource
from wsi_refocus.tiling.grid import CELL

Pixels = NDArray[np.uint8]

_SMALL_SHIFT_PX = 0.05
_SMALL_GAIN = 0.002
"""Shift and gain that are not worth resampling a slide for."""


def padded_region(source: SlideSource, plane: int, region: Region) -> Pixels:
    """Read pixels as captured; beyond the slide its outermost pixels go on.

    Parameters
    ----------
    source
        The open slide.
    plane
        Index of the focal plane.
    region
        Pixels of level 0; may reach beyond the slide.

    Returns
    -------
    ndarray of shape (region.height, region.width, 3)
        RGB.

    Raises
    ------
    CorruptRegionError
        If the pixels cannot be decoded.
    """
    size = source.info.size
    inside = _nearest_inside(region, Region.whole(size))
    return _extended(source.read_region(plane, 0, inside), inside, region)


class AlignedPair:
    """The two planes of a slide on the grid of the survey's reference plane.

    Parameters
    ----------
    source
        The open slide.
    planes
        The plane pair, in canonical order.
    survey
        How the planes lie on one another.
    """

    def __init__(self, source: SlideSource, planes: tuple[int, int], survey: Survey) -> None:
        self.source = source
        self.planes = planes
        self.reference = survey.reference
        # The survey tells where the first plane's content lies in the second, and first over second.
        sign = 1.0 if survey.reference == 0 else -1.0
        self._shift = sign * survey.shift.astype(np.float64)
        self._gain = survey.gain.astype(np.float64) ** sign
        self.is_captured = bool(
            np.abs(self._shift).max() < _SMALL_SHIFT_PX and np.abs(self._gain - 1).max() < _SMALL_GAIN
        )

    def read(self, region: Region) -> tuple[Pixels, Pixels]:
        """Read both planes.

        Parameters
        ----------
        region
            Pixels of level 0 on the reference plane's grid; may reach beyond the slide, where the outermost
            pixels go on.

        Returns
        -------
        first, second : ndarray of shape (region.height, region.width, 3)
            RGB, the same for a pixel whatever region it is read with.

        Raises
        ------
        CorruptRegionError
            If the pixels cannot be decoded.
        """
        return self.read_first(region), self.read_second(region)

    def read_first(self, region: Region) -> Pixels:
        """Read the first plane alone; see `read`."""
        return self._read(0, region)

    def read_second(self, region: Region) -> Pixels:
        """Read the second plane alone; see `read`."""
        return self._read(1, region)

    def _read(self, which: int, region: Region) -> Pixels:
        plane = self.planes[which]
        if which == self.reference or self.is_captured:
            return padded_region(self.source, plane, region)
        inside = _nearest_inside(region, Region.whole(self.source.info.size))
        warps = list(self._warps(inside))
        reaches = [warp.reach(part) for warp, part in warps]
        needed = _hull(reaches)
        pixels = padded_region(self.source, plane, needed)
        result = np.empty((*inside.size, 3), dtype=np.uint8)
        for (warp, part), reach in zip(warps, reaches, strict=True):
            result[part.relative_to(inside).slices] = warp.make(pixels[reach.relative_to(needed).slices], part)
        return _extended(result, inside, region)

    def _warps(self, region: Region) -> Iterator[tuple[BlockWarp, Region]]:
        """Blocks that a region touches, and the part of each that belongs to it."""
        for by in range(region.y // BLOCK, -(-region.y1 // BLOCK)):
            for bx in range(region.x // BLOCK, -(-region.x1 // BLOCK)):
                block = Region(by * BLOCK, bx * BLOCK, BLOCK, BLOCK)
                dy, dx = (self._corners(self._shift[..., axis], block) for axis in range(2))
                red, green, blue = (self._corners(self._gain[..., channel], block) for channel in range(3))
                yield BlockWarp(block, dy, dx, (red, green, blue)), block.intersection(region)

    @staticmethod
    def _corners(values: NDArray[np.float64], block: Region) -> Corners:
        """Values at a block's corners, bilinear between the middles of cells."""
        points = [(y, x) for y in (block.y, block.y1) for x in (block.x, block.x1)]
        return Corners(*(_bilinear(values, y / CELL - 0.5, x / CELL - 0.5) for y, x in points))


def _bilinear(values: NDArray[np.float64], y: float, x: float) -> float:
    """Value between the middles of cells, at a position in cells; constant beyond the outermost ones."""
    rows, columns = values.shape
    y, x = min(max(y, 0.0), rows - 1.0), min(max(x, 0.0), columns - 1.0)
    iy, ix = min(int(y), max(rows - 2, 0)), min(int(x), max(columns - 2, 0))
    jy, jx = min(iy + 1, rows - 1), min(ix + 1, columns - 1)
    fy, fx = y - iy, x - ix
    top = (1 - fx) * values[iy, ix] + fx * values[iy, jx]
    bottom = (1 - fx) * values[jy, ix] + fx * values[jy, jx]
    return float((1 - fy) * top + fy * bottom)


def _nearest_inside(region: Region, whole: Region) -> Region:
    """Part of a region inside the slide; the nearest pixels of the slide where there is none."""
    y0, x0 = min(max(region.y, 0), whole.height - 1), min(max(region.x, 0), whole.width - 1)
    y1, x1 = min(max(region.y1, y0 + 1), whole.height), min(max(region.x1, x0 + 1), whole.width)
    return Region.between(y0, x0, y1, x1)


def _extended(pixels: Pixels, inside: Region, region: Region) -> Pixels:
    """Pixels of ``inside`` carried on over the border of the slide to all of ``region``."""
    if inside == region:
        return pixels
    edges = (inside.y - region.y, region.y1 - inside.y1), (inside.x - region.x, region.x1 - inside.x1)
    widths = [(max(0, before), max(0, after)) for before, after in edges]
    y, x = (max(0, -before) for before, _ in edges)  # of a region that lies beyond the slide, a part will do
    return np.pad(pixels, [*widths, (0, 0)], mode="edge")[y : y + region.height, x : x + region.width]


def _hull(regions: list[Region]) -> Region:
    """Smallest region that holds all of them."""
    return Region.between(
        min(region.y for region in regions),
        min(region.x for region in regions),
        max(region.y1 for region in regions),
        max(region.x1 for region in regions),
    )
