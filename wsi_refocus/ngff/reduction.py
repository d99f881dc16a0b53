"""The step from one level of a pyramid to the next."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

METHOD = "mean of 2 × 2 pixels, rounded half up; an odd last row or column is repeated"
_ROWS = 64  # rows at a time: small enough for the intermediate sums to stay in the processor's cache


def reduce_by_two(planes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Halve an image by the mean of 2 × 2 pixels, rounded half up.

    Parameters
    ----------
    planes
        Shape (channels, height, width), each row contiguous in memory. An odd last row or column is repeated.

    Returns
    -------
    ndarray of shape (channels, ⌈height/2⌉, ⌈width/2⌉)
        The smaller image.
    """
    channels, height, width = planes.shape
    reduced = np.empty((channels, -(-height // 2), -(-width // 2)), np.uint8)
    for plane, target in zip(planes, reduced, strict=True):
        for y in range(0, height, _ROWS):
            rows = plane[y : y + _ROWS]
            odd = (len(rows) % 2, width % 2)
            if any(odd):
                rows = np.pad(rows, ((0, odd[0]), (0, odd[1])), mode="edge")
            target[y // 2 : (y + _ROWS) // 2] = _mean_of_four(rows)
    return reduced


def _mean_of_four(rows: NDArray[np.uint8]) -> NDArray[np.uint16]:
    # two neighbours of a row are the two bytes of a 16-bit word, in whichever order: no strided reading
    pairs = rows.view(np.uint16)
    sums = pairs & 255
    sums += pairs >> 8
    total = sums[0::2] + sums[1::2]
    total += 2
    total >>= 2
    return total
