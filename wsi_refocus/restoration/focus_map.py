"""The plane in focus, square by square: what a scanner with a focus map would have taken."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SQUARE = 64
"""Edge in pixels of the squares."""


def sharpest_planes(stack: NDArray[np.uint8], square: int = SQUARE) -> NDArray[np.intp]:
    """Find the plane of the largest Brenner gradient Σ (I(x + 2) − I(x))² in every square.

    Parameters
    ----------
    stack
        Planes of shape (planes, height, width, 3); height and width are multiples of ``square``.
    square
        Edge of the squares in pixels.

    Returns
    -------
    ndarray of intp, shape (height / square, width / square)
        Index of the plane.
    """
    planes, height, width = stack.shape[:3]
    squares = stack.reshape(planes, height // square, square, width // square, square, 3)
    grey = squares.mean(axis=5, dtype=np.float32)
    gradient = ((grey[..., 2:] - grey[..., :-2]) ** 2).sum(axis=(2, 4))
    best: NDArray[np.intp] = gradient.argmax(axis=0)
    return best


def composed(stack: NDArray[np.uint8], planes: NDArray[np.intp], square: int = SQUARE) -> NDArray[np.uint8]:
    """Picture that takes each square from its plane, shape (height, width, 3)."""
    index = np.repeat(np.repeat(planes, square, axis=0), square, axis=1)
    picture: NDArray[np.uint8] = np.take_along_axis(stack, index[np.newaxis, ..., np.newaxis], axis=0)[0]
    return picture


class FocusMap:
    """Takes each square from the shot that is sharper there. Squares lie on the slide's own grid, so tiles join."""

    name = "focus_map"
    stride = SQUARE
    halo = 0
    batch = 1
    by_height = False
    checkpoint_sha256: str | None = None

    def restore(self, sharper: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Choose for a batch of tiles of shape (n, height, width, 3), sides multiples of `SQUARE`."""
        stacks = np.stack([sharper, other], axis=1)
        return np.stack([composed(stack, sharpest_planes(stack)) for stack in stacks])
