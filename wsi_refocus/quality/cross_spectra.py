"""Spectra of an image and of two shots of it, and what they have in common, in rings of spatial frequency."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.quality.density import optical_density

BLOCK = 256
"""Edge in pixels of the blocks that spectra are averaged over."""
RINGS = 24
"""Rings from 0 to 0.5 cycles per pixel; what lies beyond, in the corners, tells the noise."""
_ALIGNED_BY = 0.15
"""Cycles per pixel up to which a shift is fitted."""

Real = NDArray[np.float64]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class CrossSpectra:
    """Second moments of three spectra, per pixel, in units of optical density squared.

    Attributes
    ----------
    moments : ndarray of float64, shape (3, 3, RINGS)
        Real parts of the cross spectra of output, first and second shot, averaged over each ring, after the shots
        have been moved onto the output.
    counts : ndarray of float64, shape (RINGS,)
        Independent values that each average is made of.
    noise : ndarray of float64, shape (3, 3)
        The same averaged over the corners of the spectrum, where little but white noise is left.
    shift_px : ndarray of float64, shape (2, 2)
        How far (y, x) each shot lies from the output.
    brightness : ndarray of float64, shape (2,)
        Mean brightness of each shot over the output's.
    """

    moments: Real
    counts: Real
    noise: Real
    shift_px: Real
    brightness: Real


def ring_frequencies() -> Real:
    """Middle of each ring in cycles per pixel, shape (RINGS,)."""
    middles: Real = (np.arange(RINGS) + 0.5) * np.float64(0.5 / RINGS)
    return middles


def cross_spectra(output: Pixels, first: Pixels, second: Pixels) -> CrossSpectra:
    """Compare an image with two shots of the same place.

    Densities are averaged over the channels. Spectra are averaged over blocks of at most `BLOCK` pixels under a Hann
    window (Welch 1967), so that the result hardly depends on how large the place is.

    Parameters
    ----------
    output, first, second
        RGB of shape (height, width, 3), at least 16 pixels a side.
    """
    images = [optical_density(each) for each in (output, first, second)]
    means = [float(each.mean()) for each in images]
    blocks = _blocks(np.stack(images))
    shape = blocks.shape[-2:]
    rings, corners, counts, low = _grid(*shape)
    spectra = _windowed_spectra(blocks)
    shifts = np.zeros((2, 2))
    for shot in (1, 2):
        cross = (spectra[:, 0] * spectra[:, shot].conj()).sum(axis=0)
        shifts[shot - 1] = _shift_of(cross, low)
        spectra[:, shot] *= _moved(shifts[shot - 1], shape)
    moments, noise = np.empty((3, 3, RINGS)), np.empty((3, 3))
    for one in range(3):
        for other in range(one, 3):
            power = _common_power(spectra[:, one], spectra[:, other])
            sums = np.bincount(rings, power, RINGS + 1)[:RINGS]
            moments[one, other] = moments[other, one] = sums / np.maximum(counts, 1)
            noise[one, other] = noise[other, one] = power[corners].mean()
    independent = counts * len(blocks) / 2.0  # neighbours share half of their energy under the window
    return CrossSpectra(moments, independent, noise, shifts, np.exp(means[0] - np.array(means[1:])))


def _blocks(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Blocks that cover images of shape (3, height, width) evenly, shape (blocks, 3, edge, edge)."""
    spans = []
    for side in images.shape[1:]:
        edge, count = min(BLOCK, side), math.ceil(side / BLOCK)
        spans.append([(round(start), edge) for start in np.linspace(0, side - edge, count)])
    return np.stack([images[:, y : y + height, x : x + width] for y, height in spans[0] for x, width in spans[1]])


def _windowed_spectra(blocks: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Spectra whose squares are powers per pixel."""
    from scipy import fft

    window = _window(*blocks.shape[-2:])
    weight = window / window.sum()
    centred = (blocks - (blocks * weight).sum(axis=(-2, -1), keepdims=True)) * window
    spectra: NDArray[np.complex64] = fft.rfft2(centred) / np.sqrt(np.square(window).sum())
    return spectra


def _common_power(one: NDArray[np.complex64], other: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Real part of the cross spectrum of two stacks of blocks, averaged over the blocks and made flat."""
    power: NDArray[np.float32] = (one.real * other.real + one.imag * other.imag).mean(axis=0).ravel()
    return power


@lru_cache(maxsize=8)
def _window(height: int, width: int) -> NDArray[np.float32]:
    rows, columns = (np.hanning(side + 2)[1:-1] for side in (height, width))
    return (rows[:, np.newaxis] * columns).astype(np.float32)


@lru_cache(maxsize=8)
def _grid(
    height: int, width: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], Real, tuple[NDArray[np.intp], Real, Real]]:
    """Ring of every frequency, those in the corners, how many lie in each ring; and the low ones, with (fy, fx)."""
    fy, fx = np.fft.fftfreq(height)[:, np.newaxis], np.fft.rfftfreq(width)[np.newaxis]
    radius = np.hypot(fy, fx)
    ring = np.minimum((radius * (2 * RINGS)).astype(np.intp), RINGS).ravel()
    ring[0] = RINGS  # the mean
    corners = np.flatnonzero(radius.ravel() > 0.55)
    low = np.flatnonzero((radius.ravel() < _ALIGNED_BY) & (radius.ravel() > 0))
    both = np.broadcast_to(fy, radius.shape).ravel()[low], np.broadcast_to(fx, radius.shape).ravel()[low]
    counts = np.bincount(ring, minlength=RINGS + 1)[:RINGS].astype(np.float64)
    return ring, corners, counts, (low, *both)


def _shift_of(cross: NDArray[np.complex64], low: tuple[NDArray[np.intp], Real, Real]) -> Real:
    """Shift (y, x) that a cross spectrum's phase shows: least squares, weighted by the common energy."""
    index, fy, fx = low
    values = cross.ravel()[index]
    weight, angle = np.abs(values).astype(np.float64), np.angle(values)
    normal = np.array([[(weight * a * b).sum() for b in (fy, fx)] for a in (fy, fx)])
    right = np.array([(weight * a * angle).sum() for a in (fy, fx)])
    scale = float(np.trace(normal))
    if scale <= 0:
        return np.zeros(2)
    return np.linalg.solve(normal + 1e-6 * scale * np.eye(2), right) / (2 * np.pi)


def _moved(shift: Real, shape: tuple[int, ...]) -> NDArray[np.complex64]:
    """Factor that moves a shot back onto the output."""
    fy, fx = np.fft.fftfreq(shape[0])[:, np.newaxis], np.fft.rfftfreq(shape[1])[np.newaxis]
    factor: NDArray[np.complex64] = np.exp(2j * np.pi * (fy * shift[0] + fx * shift[1])).astype(np.complex64)
    return factor
