"""Blind deblurring of slides: a blur for every square of a fixed grid, and a smooth change from one to the next."""

from __future__ import annotations

import hashlib
from itertools import product

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.restoration.blind import Step, find_blur, undone
from wsi_refocus.restoration.periodic import Image

SQUARE = 256
"""Edge in pixels of the squares that blurs are found on; what is found depends on it."""
_HALF = SQUARE // 2
_CONTEXT = 32
_FLAT = 1.5 / 255
_REMEMBERED = 1024

Blur = Image | None
"""Blur of a square; None where it is too flat to tell."""


class LocalDeblurring:
    """Deblurs the sharper shot by blurs that are found on the shot itself, the same for all colours.

    Squares lie on the slide's own grid. Between their middles, what their blurs give is mixed linearly: so there are no
    seams, and a pixel depends on its square and the eight around it, wherever tiles begin. Neighbouring tiles share
    squares, so blurs are remembered.

    Parameters
    ----------
    name
        Name in the registry.
    step
        The prior.
    """

    stride = SQUARE
    halo = SQUARE
    batch = 1
    by_height = False
    checkpoint_sha256: str | None = None

    def __init__(self, name: str, step: Step) -> None:
        self.name = name
        self._step = step
        self._known: dict[bytes, Blur] = {}

    def restore(self, sharper: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Deblur a batch of tiles; safe from several threads at once.

        Parameters
        ----------
        sharper
            The sharper shot of every tile, shape (n, height, width, 3), sides multiples of `SQUARE`.
        other
            The other shot; not looked at.

        Returns
        -------
        ndarray of float32, shape (n, height, width, 3)
            Grey levels, not rounded. The halo comes back as it was.

        Raises
        ------
        ValueError
            If a side is no multiple of `SQUARE`.
        """
        height, width = sharper.shape[1:3]
        if height % SQUARE or width % SQUARE:
            raise ValueError(f"height and width must be multiples of {SQUARE}, not {(height, width)}")
        result = sharper.astype(np.float32)
        for shot, restored in zip(sharper, result, strict=True):
            if min(height, width) > 2 * SQUARE:
                self._deblur(shot, restored)
        return result

    def _deblur(self, shot: NDArray[np.uint8], restored: Image) -> None:
        rows, columns = shot.shape[0] // SQUARE, shot.shape[1] // SQUARE
        squares = shot.reshape(rows, SQUARE, columns, SQUARE, 3).swapaxes(1, 2)
        blurs = {place: self._blur(squares[place]) for place in product(range(rows), range(columns))}
        for row, column in product(range(2, 2 * rows - 2), range(2, 2 * columns - 2)):
            y, x = row * _HALF, column * _HALF
            window = shot[y - _CONTEXT : y + _HALF + _CONTEXT, x - _CONTEXT : x + _HALF + _CONTEXT]
            mixed = np.zeros((_HALF, _HALF, 3), np.float32)
            for (iy, down), (ix, right) in product(_shares(row), _shares(column)):
                weight = down[:, np.newaxis, np.newaxis] * right[:, np.newaxis]
                mixed += weight * _deblurred(window, blurs[iy, ix])
            restored[y : y + _HALF, x : x + _HALF] = mixed

    def _blur(self, square: NDArray[np.uint8]) -> Blur:
        key = hashlib.sha256(square.tobytes()).digest()
        known = self._known  # another thread may begin a new one
        if key in known:
            return known[key]
        grey: Image = square.mean(axis=2, dtype=np.float32) / np.float32(255)
        blur = None if grey.std() < _FLAT else find_blur(grey, self._step)
        if len(known) >= _REMEMBERED:
            self._known = {}
        self._known[key] = blur
        return blur


def _shares(half: int) -> list[tuple[int, Image]]:
    """The two squares that count in a half square, and by how much in each of its pixels."""
    away: Image = ((np.arange(_HALF) + 0.5) / SQUARE).astype(np.float32)
    neighbour = away if half % 2 else away[::-1]
    own: Image = np.float32(1) - neighbour
    return [(half // 2, own), (half // 2 + (1 if half % 2 else -1), neighbour)]


def _deblurred(window: NDArray[np.uint8], blur: Blur) -> Image:
    """Inner part of a window in grey levels, with a blur undone."""
    inner = (slice(_CONTEXT, -_CONTEXT), slice(_CONTEXT, -_CONTEXT))
    if blur is None:
        return window[inner].astype(np.float32)
    colours = window.astype(np.float32) / np.float32(255)
    restored = np.stack([undone(colours[..., channel], blur)[inner] for channel in range(3)], axis=2)
    return np.clip(restored, 0, 1) * np.float32(255)
