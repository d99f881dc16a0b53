"""Weights that pass smoothly from cells of one kind to cells of the other, whatever region is asked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.geometry import Region
from wsi_refocus.tiling.grid import CELL

WIDTH = 64
"""Pixels over which a weight rises from 0 to 1."""


def feather(
    mask: NDArray[np.bool_], region: Region, cell: int = CELL, width: int = WIDTH
) -> NDArray[np.float32] | float:
    """Weight of every pixel of a region: 0 outside the masked cells, rising to 1 inside them.

    The weight is a function of the pixel's distance to the nearest cell that is not masked (3 t² − 2 t³ of
    the distance over ``width``), so it does not depend on the region. The border of the slide is no border.

    Parameters
    ----------
    mask
        Cells of the slide, shape (rows, columns).
    region
        Pixels of the slide; may reach beyond it, where the nearest cells go on.
    cell
        Edge of a cell in pixels.
    width
        Pixels inside the mask at which the weight reaches 1; at most ``cell``.

    Returns
    -------
    ndarray of shape (height, width), or float
        0.0 or 1.0 alone where all of the region has that weight.
    """
    rows, columns = mask.shape
    ys, xs = _cells(region.y, region.y1, cell, rows), _cells(region.x, region.x1, cell, columns)
    inside = mask[np.ix_(ys, xs)]
    if not inside.any():
        return 0.0
    padded = np.pad(mask, 1, mode="edge")
    if padded[ys[0] : ys[-1] + 3, xs[0] : xs[-1] + 3].all():
        return 1.0
    result = np.zeros(region.size, dtype=np.float32)
    for iy in ys:
        for ix in xs:
            if not mask[iy, ix]:
                continue
            y0, y1 = _span(iy, rows, region.y, region.y1, cell)
            x0, x1 = _span(ix, columns, region.x, region.x1, cell)
            neighbours = padded[iy : iy + 3, ix : ix + 3]
            dy = np.arange(y0, y1, dtype=np.float32) - np.float32(iy * cell - 0.5)
            dx = np.arange(x0, x1, dtype=np.float32) - np.float32(ix * cell - 0.5)
            piece = slice(y0 - region.y, y1 - region.y), slice(x0 - region.x, x1 - region.x)
            result[piece] = _rise(_distance(neighbours, dy, dx, cell, width), width)
    return result


def _cells(start: int, stop: int, cell: int, count: int) -> range:
    """Rows (or columns) of cells that pixels ``start`` to ``stop`` fall into, held inside the slide."""
    first = min(max(start // cell, 0), count - 1)
    last = min(max((stop - 1) // cell, 0), count - 1)
    return range(first, last + 1)


def _span(index: int, count: int, start: int, stop: int, cell: int) -> tuple[int, int]:
    """Pixels of ``start`` to ``stop`` that belong to a row (or column) of cells; the outer ones go on."""
    low = start if index == 0 else max(start, index * cell)
    high = stop if index == count - 1 else min(stop, (index + 1) * cell)
    return low, max(low, high)


def _distance(
    neighbours: NDArray[np.bool_], dy: NDArray[np.float32], dx: NDArray[np.float32], cell: int, width: int
) -> NDArray[np.float32]:
    """Distance in pixels, at most ``width``, to the nearest of the eight neighbours that is not masked.

    Parameters
    ----------
    neighbours
        The cell and those around it, shape (3, 3).
    dy, dx
        Way from the cell's first edge to the middle of each row and column of pixels.
    """
    far = np.float32(width)
    ways_y = (dy, np.zeros_like(dy), np.float32(cell) - dy)
    ways_x = (dx, np.zeros_like(dx), np.float32(cell) - dx)
    nearest = np.full((len(dy), len(dx)), far * far, dtype=np.float32)
    for iy, way_y in enumerate(ways_y):
        for ix, way_x in enumerate(ways_x):
            if not neighbours[iy, ix]:
                np.minimum(nearest, np.square(way_y)[:, None] + np.square(way_x)[None, :], out=nearest)
    return np.sqrt(nearest, out=nearest)


def _rise(distance: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Smooth step from 0 at distance 0 to 1 at ``width``."""
    share: NDArray[np.float32] = distance / np.float32(width)
    return share * share * (np.float32(3) - np.float32(2) * share)
