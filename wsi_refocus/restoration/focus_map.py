"""The plane in focus, square by square: what a scanner with a focus map would have taken."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SQUARE = 64
"""Edge in pixels of the squares."""


def sharpest_planes(stack: NDArray[np.uint8], square: int = SQUARE) -> NDArray[np.intp]:
    """Find the plane of the largest Brenner gradient Σ (I(x + 2) − I(x))² of the mean colour in every square.

    Differences are taken within squares, so that a square does not depend on its neighbours.

    Parameters
    ----------
    stack
        Planes of shape (planes, height, width, 3).
    square
        Edge of the squares in pixels, at least 3; those at the far edges are clipped.

    Returns
    -------
    ndarray of intp, shape (⌈height / square⌉, ⌈width / square⌉)
        Index of the plane; the first of those that are equally sharp.

    Raises
    ------
    ValueError
        If the stack is no stack of RGB planes, or holds none.
    """
    if stack.ndim != 4 or stack.shape[3] != 3 or 0 in stack.shape:
        raise ValueError(f"a focal stack has the shape (planes, height, width, 3), not {stack.shape}")
    rows, columns = (np.arange(0, side, square) for side in stack.shape[1:3])
    within = np.arange(stack.shape[2] - 2) % square < square - 2
    gradients = []
    for plane in stack:
        grey = plane.sum(axis=2, dtype=np.int32)
        steps = np.zeros(grey.shape, np.int64)
        steps[:, :-2] = np.where(within, np.square(grey[:, 2:] - grey[:, :-2]), 0)
        gradients.append(np.add.reduceat(np.add.reduceat(steps, rows, axis=0), columns, axis=1))
    best: NDArray[np.intp] = np.argmax(gradients, axis=0)
    return best


def composed(stack: NDArray[np.uint8], planes: NDArray[np.intp], square: int = SQUARE) -> NDArray[np.uint8]:
    """Compose the picture that takes each square from its plane.

    Parameters
    ----------
    stack
        Planes of shape (planes, height, width, 3).
    planes
        Index of the plane of every square, as `sharpest_planes` gives it.
    square
        Edge of the squares in pixels.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        RGB.
    """
    height, width = stack.shape[1:3]
    index = np.repeat(np.repeat(planes, square, axis=0), square, axis=1)[:height, :width]
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
