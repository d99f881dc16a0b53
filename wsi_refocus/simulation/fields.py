"""Random fields that are functions of the position on a slide, so that blocks of it join."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]

CELL = 256
"""Edge in pixels of the cells whose noise has a seed of its own."""
_WAVES = 24


def white_noise(seed: tuple[int, ...], y: int, x: int, height: int, width: int, channels: int = 1) -> Image:
    """Gaussian noise of unit standard deviation over a part of a plane without end.

    Parameters
    ----------
    seed
        Which noise.
    y, x, height, width
        The part, in pixels; may lie left of or above 0.
    channels
        Number of independent fields.

    Returns
    -------
    ndarray of float32, shape (height, width, channels)
        The same numbers for the same pixels, whatever part is asked for.
    """
    noise = np.empty((height, width, channels), np.float32)
    for row in range(y // CELL, (y + height - 1) // CELL + 1):
        for column in range(x // CELL, (x + width - 1) // CELL + 1):
            generator = np.random.default_rng([*seed, row + 2**20, column + 2**20])
            cell = generator.standard_normal((CELL, CELL, channels), dtype=np.float32)
            top, left = row * CELL - y, column * CELL - x
            inside = (slice(max(0, top), min(height, top + CELL)), slice(max(0, left), min(width, left + CELL)))
            noise[inside] = cell[
                inside[0].start - top : inside[0].stop - top, inside[1].start - left : inside[1].stop - left
            ]
    return noise


@dataclass(frozen=True, slots=True)
class Topography:
    """Height of a section over the stage: a tilted plane and waves of all directions.

    Attributes
    ----------
    spread_um : float
        Standard deviation of the waves in µm.
    length_um : float
        Their shortest length in µm; the longest is four times as long.
    tilt_um_per_mm : tuple of float
        Rise downwards and to the right.
    seed : int
        Seed of the waves.
    """

    spread_um: float
    length_um: float
    tilt_um_per_mm: tuple[float, float]
    seed: int

    def at(self, y_um: Image, x_um: Image) -> Image:
        """Height in µm at places of shapes (height, 1) and (1, width)."""
        generator = np.random.default_rng(self.seed)
        height = self.tilt_um_per_mm[0] * y_um / 1000 + self.tilt_um_per_mm[1] * x_um / 1000
        for _ in range(_WAVES):
            wave = 2 * np.pi / (self.length_um * 4 ** generator.random())
            direction, phase = generator.uniform(0, 2 * np.pi, 2)
            along = np.cos(direction) * y_um + np.sin(direction) * x_um
            height = height + np.float32(self.spread_um * np.sqrt(2 / _WAVES)) * np.cos(wave * along + phase)
        surface: Image = height.astype(np.float32)
        return surface
