"""How true detail is, by its size: errors and energies in rings of the spectrum."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RINGS = 8
"""Rings from 0 to 0.5 cycles per pixel."""
FINE = 0.125
"""Cycles per pixel from which detail counts as fine."""

Real = NDArray[np.float64]


def ring_errors(image: NDArray[np.uint8], truth: NDArray[np.uint8]) -> Real:
    """Energy of the error over the energy of the truth, in each of `RINGS` rings.

    Parameters
    ----------
    image, truth
        RGB of shape (height, width, 3).
    """
    true = _energy(truth.astype(np.float64))
    wrong = _energy(image.astype(np.float64) - truth.astype(np.float64))
    return _in_rings(wrong) / np.maximum(_in_rings(true), 1e-9)


def fine_ratio(image: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """Energy of the fine detail of an image over that of the truth: blurred below 1, something added above."""
    seen, true = (_energy(each.astype(np.float64)) for each in (image, truth))
    fine = _radius(seen.shape) >= FINE
    return float(seen[fine].sum() / max(true[fine].sum(), 1e-9))


def _energy(image: Real) -> Real:
    grey = image.mean(axis=2)
    window = np.hanning(grey.shape[0])[:, np.newaxis] * np.hanning(grey.shape[1])
    energy: Real = np.abs(np.fft.fft2((grey - grey.mean()) * window)) ** 2
    return energy


def _radius(shape: tuple[int, ...]) -> Real:
    radius: Real = np.hypot(np.fft.fftfreq(shape[0])[:, np.newaxis], np.fft.fftfreq(shape[1]))
    return radius


def _in_rings(energy: Real) -> Real:
    ring = (_radius(energy.shape) * 2 * RINGS).astype(int)
    inside = ring < RINGS
    energies: Real = np.bincount(ring[inside], energy[inside], RINGS).astype(float)
    return energies
