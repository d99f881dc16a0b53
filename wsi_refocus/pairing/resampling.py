"""Moving an image by a fraction of a pixel that changes slowly from place to place.

The kernel is Lanczos' of six taps, normalised to a sum of one, along y and then along x. The shift is
bilinear over each block of the slide, and nothing but the block decides how its pixels are made: any region
gives the same pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.geometry import Region

Real = NDArray[np.float32]

BLOCK = 256
"""Edge in pixels of the blocks over which a shift is bilinear: half a cell, between the middles of cells."""
TAPS = 6
MARGIN = TAPS // 2
"""Pixels a side beyond the whole pixels of the shift that the kernel reads."""
_STEPS = 256
"""Steps of a pixel that shifts are rounded to."""
_EVEN_GAIN = 5e-4
"""Change of the gain over a block that is ignored."""


class Corners(NamedTuple):
    """A quantity that is bilinear over a block: its values at the block's four corners."""

    top_left: float
    top_right: float
    bottom_left: float
    bottom_right: float

    def over(self, block: Region, part: Region) -> Real:
        """Values at the middles of the pixels of a part of the block, shape (height, width)."""
        v = ((np.arange(part.y, part.y1) + (0.5 - block.y)) / block.height).astype(np.float32)[:, None]
        u = ((np.arange(part.x, part.x1) + (0.5 - block.x)) / block.width).astype(np.float32)[None, :]
        left = np.float32(self.top_left) + v * np.float32(self.bottom_left - self.top_left)
        right = np.float32(self.top_right) + v * np.float32(self.bottom_right - self.top_right)
        return left + u * (right - left)

    @property
    def middle(self) -> float:
        """Value at the middle of the block."""
        return sum(self) / 4


@dataclass(frozen=True, slots=True)
class BlockWarp:
    """How a block is made of the moving plane.

    Attributes
    ----------
    block : Region
        Pixels of the block on the slide.
    dy, dx : Corners
        The pixel at (y, x) is taken from (y + dy, x + dx); in pixels.
    gain : tuple of Corners
        Factor of red, green and blue.
    """

    block: Region
    dy: Corners
    dx: Corners
    gain: tuple[Corners, Corners, Corners]

    def reach(self, part: Region) -> Region:
        """Pixels of the moving plane that a part of the block is made of."""
        low_y, low_x = math.floor(min(self.dy)) - MARGIN + 1, math.floor(min(self.dx)) - MARGIN + 1
        high_y, high_x = math.floor(max(self.dy)) + MARGIN + 1, math.floor(max(self.dx)) + MARGIN + 1
        return Region.between(part.y + low_y, part.x + low_x, part.y1 + high_y, part.x1 + high_x)

    def make(self, pixels: NDArray[np.uint8], part: Region) -> NDArray[np.uint8]:
        """Make a part of the block.

        Parameters
        ----------
        pixels
            The moving plane over ``reach(part)``, shape (height, width, 3).
        part
            Pixels of the block to make.

        Returns
        -------
        ndarray of shape (part.height, part.width, 3)
            RGB, rounded once.
        """
        planar = np.ascontiguousarray(np.moveaxis(pixels, 2, 0), dtype=np.float32)
        # Rows are moved before columns, so the shift of rows is wanted where the columns will come from.
        wide = Region(part.y, part.x - MARGIN + 1, part.height, pixels.shape[1])
        rows = _moved(planar, self.dy, self.block, wide, axis=1)
        moved = _moved(rows, self.dx, self.block, part, axis=2)
        for channel, corners in zip(moved, self.gain, strict=True):
            if max(corners) - min(corners) < _EVEN_GAIN:
                channel *= np.float32(corners.middle)
            else:
                channel *= corners.over(self.block, part)
        moved += np.float32(0.5)
        np.clip(moved, 0, 255, out=moved)
        return np.moveaxis(moved.astype(np.uint8), 0, 2)


def _moved(planar: Real, shift: Corners, block: Region, part: Region, axis: int) -> Real:
    """Move an image (3, rows, columns) along one axis.

    The result has the shape of ``part``, and its first pixel is made of the first ones of ``planar``.
    """
    whole = math.floor(min(shift))
    span = math.floor(max(shift)) - whole
    table = _kernel_table(span)
    length = part.height if axis == 1 else part.width
    pieces = [
        planar[:, tap : tap + length] if axis == 1 else planar[:, :, tap : tap + length] for tap in range(TAPS + span)
    ]
    if max(shift) - min(shift) < 1 / _STEPS:
        weights = table[:, round((shift.middle - whole) * _STEPS)]
    else:
        offsets = shift.over(block, part)
        offsets -= np.float32(whole)
        offsets *= np.float32(_STEPS)
        index = np.clip(np.rint(offsets, out=offsets), 0, table.shape[1] - 1).astype(np.intp)
        weights = table.take(index, axis=1)
    result: Real = pieces[0] * weights[0]
    product = np.empty_like(result)
    for piece, weight in zip(pieces[1:], weights[1:], strict=True):
        result += np.multiply(piece, weight, out=product)
    return result


@lru_cache(maxsize=16)
def _kernel_table(span: int) -> Real:
    """Weights of all taps for shifts of 0 to ``span`` + 1 pixels, shape (taps, steps)."""
    shifts = np.arange((span + 1) * _STEPS + 1) / _STEPS
    positions = np.arange(TAPS + span) - (MARGIN - 1)
    away = positions[:, None] - shifts[None, :]
    weights = np.where(np.abs(away) < MARGIN, np.sinc(away) * np.sinc(away / MARGIN), 0.0)
    return np.asarray(weights / weights.sum(axis=0), dtype=np.float32)
