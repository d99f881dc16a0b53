"""A small picture of a slide, also of one that has no small level."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.geometry import Region
from wsi_refocus.slide.source import SlideSource

COARSEST = 64
"""Most pixels of level 0 along one pixel of the picture."""
_EDGE = 1024
"""Pixels that the longer side of the picture has at least, so that its memory does not grow with the slide."""
_BLOCK = 2048


def thumbnail(source: SlideSource, plane: int, threads: int = 2) -> NDArray[np.uint8]:
    """Make a small picture of a plane that covers all of it.

    The coarsest level of at least the wanted size is read and reduced by means, 2048 × 2048 pixels at a time
    for each thread.

    Parameters
    ----------
    source
        The open slide.
    plane
        Index of the focal plane.
    threads
        Strips that are read at once.

    Returns
    -------
    ndarray of shape (height, width, 3)
        RGB, 1024 to 2047 pixels on the longer side except for very small and very large slides.

    Raises
    ------
    CorruptRegionError
        If the pixels cannot be decoded.
    """
    info = source.info
    wanted = min(COARSEST, max(1, max(info.size) // _EDGE))
    level = max(index for index, each in enumerate(info.levels) if each.downsample <= wanted * 1.01)
    size = info.levels[level].size
    factor = max(1, round(wanted / info.levels[level].downsample))
    edge = max(1, _BLOCK // factor) * factor
    result = np.empty((-(-size.height // factor), -(-size.width // factor), 3), np.uint8)

    def reduce(corner: tuple[int, int]) -> None:
        block = Region(*corner, edge, edge).intersection(Region.whole(size))
        reduced = block_means(source.read_region(plane, level, block), factor)
        y, x = corner[0] // factor, corner[1] // factor
        result[y : y + reduced.shape[0], x : x + reduced.shape[1]] = reduced

    with ThreadPoolExecutor(threads) as pool:
        corners = product(range(0, size.height, edge), range(0, size.width, edge))
        deque(pool.map(reduce, corners), maxlen=0)
    return result


def block_means(pixels: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Reduce by means over ``factor`` × ``factor`` pixels; blocks at the far edges may be smaller.

    Parameters
    ----------
    pixels
        RGB of shape (height, width, 3).
    factor
        Edge of a block in pixels.

    Returns
    -------
    ndarray of shape (ceil(height / factor), ceil(width / factor), 3)
        RGB.
    """
    if factor == 1:
        return pixels
    rows = _sums(pixels, factor, axis=0)
    sums = _sums(rows, factor, axis=1)
    counts = [_sums(np.ones(side, np.uint8), factor, axis=0) for side in pixels.shape[:2]]
    areas = np.outer(*counts)[..., np.newaxis]
    means: NDArray[np.uint8] = ((sums + areas // 2) // areas).astype(np.uint8)
    return means


def _sums(values: NDArray[np.uint8] | NDArray[np.uint32], factor: int, axis: int) -> NDArray[np.uint32]:
    """Sums over ``factor`` neighbours along an axis; the last ones may be fewer."""
    along = np.moveaxis(values, axis, 0)
    sums = along[::factor].astype(np.uint32)
    # whole rows are added to one another: many times as fast as np.add.reduceat
    for start in range(1, factor):
        part = along[start::factor]
        sums[: len(part)] += part
    return np.moveaxis(sums, 0, axis)
