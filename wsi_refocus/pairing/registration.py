"""Sub-pixel shift and gain of two windows of the same tissue that are defocused differently.

On the two sides of focus, edges of real tissue turn dark in one shot and bright in the other, while coarse
structure agrees. So the shift is looked for in the low frequencies of the optical density: the correlation
Σ W Re(F* M exp(2πi k·s)) is maximised over s by Newton's method, for a low-pass W of a few widths, each
starting from the wider one before it, and the width whose shift is least uncertain wins.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.quality.focus import luminance

Real = NDArray[np.float32]
Pixel = TypeVar("Pixel", bound=np.generic)

REDUCTION = 4
"""Edge in pixels of the blocks that windows are averaged over before they are compared."""
SCALES_PX = (16.0, 8.0, 4.0)
"""Standard deviations of the Gaussians that both windows are smoothed by, in turn, in pixels."""
_COMPARED = 1
"""Which of the scales says whether the windows show the same."""
_SMALLEST = 12
"""Smallest edge of a reduced window that is worth comparing."""
_ERROR_INFLATION = 2.5
"""The spectrum of a tapered window is correlated from bin to bin; measured on shifted tissue."""
_ITERATIONS = 8
_NO_TEXTURE = 1e-4
"""Standard deviation of an optical density that rounding alone can leave."""


@dataclass(frozen=True, slots=True)
class ShiftEstimate:
    """Shift of one window against another.

    Attributes
    ----------
    dy, dx : float
        In pixels: what lies at (y, x) of the fixed window lies at (y + dy, x + dx) of the moving one.
    error_px : float
        Standard error of each; infinite where the windows hold nothing to go by.
    confidence : float
        Correlation coefficient, -1 to 1, of the two smoothed windows at that shift.
    texture : float
        Standard deviation of the smoothed optical density of the window that has more of it.
    """

    dy: float
    dx: float
    error_px: float
    confidence: float
    texture: float


_NOTHING = ShiftEstimate(0.0, 0.0, math.inf, 0.0, 0.0)


def estimate_shift(fixed: NDArray[np.uint8], moving: NDArray[np.uint8], max_shift: float) -> ShiftEstimate:
    """Estimate the shift of a window against another.

    Parameters
    ----------
    fixed, moving
        The same region of two planes, RGB of the same shape (height, width, 3).
    max_shift
        Largest shift to look for on each axis, in pixels; at most a third of the window's edge is searched.

    Returns
    -------
    ShiftEstimate
        With infinite error where there is no maximum within the search range.
    """
    one, other = _optical_density(fixed), _optical_density(moving)
    if min(one.shape) < _SMALLEST:
        return _NOTHING
    reach = min(max_shift / REDUCTION, min(one.shape) / 3)
    sy, sx = _whole_shift(one, other, math.ceil(reach))
    one, other = _overlap(one, other, sy, sx)
    spectra = _spectrum(one), _spectrum(other)
    start = np.zeros(2)
    found = []
    for scale in SCALES_PX:
        fit = _refined(spectra, _band(one.shape[0], one.shape[1], scale / REDUCTION), start)
        start = fit.shift if math.isfinite(fit.error) else start
        found.append(fit)
    best = min(found, key=lambda fit: fit.error)
    dy, dx = sy + float(best.shift[0]), sx + float(best.shift[1])
    error = best.error * REDUCTION if max(abs(dy), abs(dx)) <= reach + 1 else math.inf
    band = _band(one.shape[0], one.shape[1], SCALES_PX[_COMPARED] / REDUCTION)
    confidence, texture = _likeness(spectra, band, best.shift)
    if texture < _NO_TEXTURE:
        return _NOTHING
    return ShiftEstimate(dy * REDUCTION, dx * REDUCTION, error, confidence, texture)


def estimate_gain(
    fixed: NDArray[np.uint8], moving: NDArray[np.uint8], dy: float = 0.0, dx: float = 0.0
) -> tuple[float, float, float]:
    """Estimate by what the moving window has to be multiplied to match the fixed one.

    Sums over blocks of 16 × 16 pixels, which defocus hardly changes, are compared; the median of their ratios
    is taken for each channel.

    Parameters
    ----------
    fixed, moving
        The same region of two planes, RGB of the same shape (height, width, 3).
    dy, dx
        Shift of the moving window, as of `estimate_shift`.

    Returns
    -------
    tuple of float
        Gain of red, green and blue; 1 where there is nothing to compare.
    """
    one, other = _overlap(fixed, moving, round(dy), round(dx))
    sums = [_block_means(_block_means(each, 4), 4) for each in (one, other)]
    if sums[0].size == 0:
        return 1.0, 1.0, 1.0
    dark = np.minimum(*sums) < 8
    ratios = np.where(dark, np.nan, (sums[0] + 0.25) / (sums[1] + 0.25)).reshape(-1, 3)
    gains = [np.median(column[np.isfinite(column)]) for column in ratios.T if np.isfinite(column).any()]
    if len(gains) < 3:
        return 1.0, 1.0, 1.0
    return float(gains[0]), float(gains[1]), float(gains[2])


@dataclass(frozen=True, slots=True, eq=False)
class _Band:
    """Low frequencies of a window: which they are, their weights and their angular frequencies (y, x)."""

    half: Real
    inside: NDArray[np.bool_]
    weight: NDArray[np.float64]
    ky: NDArray[np.float64]
    kx: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """Shift in reduced pixels and its standard error."""

    shift: NDArray[np.float64]
    error: float


@lru_cache(maxsize=64)
def _band(height: int, width: int, sigma: float) -> _Band:
    """Band that a Gaussian of ``sigma`` reduced pixels on both windows leaves, less what the taper makes."""
    ky, kx = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
    weight = np.exp(-4 * np.pi**2 * (ky**2 + kx**2) * sigma**2)
    weight *= 1 - np.exp(-((ky * height) ** 2 + (kx * width) ** 2) / 1.5**2)
    half = weight.astype(np.float32)
    weight[:, 1 : (width + 1) // 2] *= 2  # the other half of the spectrum, which rfft leaves out
    inside = weight > 1e-3 * weight.max()
    angular = [2 * np.pi * np.broadcast_to(k, weight.shape)[inside] for k in (ky, kx)]
    return _Band(half, inside, weight[inside], angular[0], angular[1])


@lru_cache(maxsize=64)
def _taper(height: int, width: int) -> Real:
    """Hann window of unit sum of squares over its area."""
    window = np.hanning(height + 2)[1:-1, None] * np.hanning(width + 2)[None, 1:-1]
    return np.asarray(window / math.sqrt(np.mean(window**2)), dtype=np.float32)


def _block_means(image: NDArray[np.uint8] | Real, edge: int) -> Real:
    """Means of ``edge`` × ``edge`` blocks of an image (height, width, 3); what is left over is dropped."""
    height, width = (side // edge * edge for side in image.shape[:2])
    image = image[:height, :width]
    rows = image[0::edge].astype(np.float32)
    for offset in range(1, edge):
        rows += image[offset::edge]
    result: Real = rows[:, 0::edge].copy()
    for offset in range(1, edge):
        result += rows[:, offset::edge]
    result /= edge * edge
    return result


def _optical_density(image: NDArray[np.uint8]) -> Real:
    """Optical density (natural logarithm) of the luminance of block means."""
    grey = luminance(_block_means(image, REDUCTION))
    return np.asarray(-np.log((grey + 1) / 256), dtype=np.float32)


def _overlap(fixed: NDArray[Pixel], moving: NDArray[Pixel], dy: int, dx: int) -> tuple[NDArray[Pixel], NDArray[Pixel]]:
    """Parts of both windows that show the same, for a shift in whole pixels."""
    height, width = fixed.shape[:2]
    y0, y1, x0, x1 = max(0, -dy), min(height, height - dy), max(0, -dx), min(width, width - dx)
    return fixed[y0:y1, x0:x1], moving[y0 + dy : y1 + dy, x0 + dx : x1 + dx]


def _spectrum(density: Real) -> NDArray[np.complex64]:
    """Spectrum of a window without its mean, tapered."""
    taper = _taper(*density.shape)
    mean = np.float32(np.vdot(density, taper) / taper.sum())
    return np.asarray(np.fft.rfft2((density - mean) * taper), dtype=np.complex64)


def _whole_shift(one: Real, other: Real, reach: int) -> tuple[int, int]:
    """Shift in whole reduced pixels at the maximum of the low-pass correlation."""
    band = _band(one.shape[0], one.shape[1], SCALES_PX[_COMPARED] / REDUCTION)
    correlation = np.fft.irfft2(np.conj(_spectrum(one)) * _spectrum(other) * band.half, s=one.shape)
    steps = np.r_[0 : reach + 1, -reach:0]
    iy, ix = divmod(int(correlation[np.ix_(steps, steps)].argmax()), len(steps))
    return int(steps[iy]), int(steps[ix])


def _refined(
    spectra: tuple[NDArray[np.complex64], NDArray[np.complex64]], band: _Band, start: NDArray[np.float64]
) -> _Fit:
    """Maximum of the band's correlation near ``start``, by Newton's method.

    The error is the sandwich estimate H⁻¹ G H⁻¹ of the maximum's covariance, with the Hessian H and the
    scatter G of the phases that are left.
    """
    cross = (np.conj(spectra[0][band.inside]) * spectra[1][band.inside]).astype(np.complex128) * band.weight
    shift = start
    for _ in range(_ITERATIONS):
        turned = cross * np.exp(1j * (band.ky * shift[0] + band.kx * shift[1]))
        slope = np.array([band.ky @ turned.imag, band.kx @ turned.imag])
        bend = _products(band, turned.real)
        if not _is_maximum(bend):
            return _Fit(shift, math.inf)
        step = -np.linalg.solve(bend, slope)
        step /= max(1.0, float(np.abs(step).max()))
        shift = shift + step
        if np.abs(step).max() < 1e-3:
            break
    turned = cross * np.exp(1j * (band.ky * shift[0] + band.kx * shift[1]))
    bend = _products(band, turned.real)
    if not _is_maximum(bend):
        return _Fit(shift, math.inf)
    inverse = np.linalg.inv(bend)
    covariance = inverse @ _products(band, turned.imag**2) @ inverse
    return _Fit(shift, _ERROR_INFLATION * math.sqrt(max(0.0, float(np.trace(covariance))) / 2))


def _products(band: _Band, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Σ k kᵀ value over the band, shape (2, 2)."""
    mixed = float(band.ky @ (band.kx * values))
    return np.array([[band.ky @ (band.ky * values), mixed], [mixed, band.kx @ (band.kx * values)]])


def _is_maximum(bend: NDArray[np.float64]) -> bool:
    """Whether the (negated) Hessian is safely positive definite."""
    trace = float(np.trace(bend))
    return trace > 0 and float(np.linalg.det(bend)) > 1e-6 * trace * trace


def _likeness(
    spectra: tuple[NDArray[np.complex64], NDArray[np.complex64]], band: _Band, shift: NDArray[np.float64]
) -> tuple[float, float]:
    """Correlation coefficient of the windows at a shift, and the texture of the richer one."""
    one, other = (spectrum[band.inside] for spectrum in spectra)
    turned = np.conj(one) * other * np.exp(1j * (band.ky * shift[0] + band.kx * shift[1]))
    powers = [float(band.weight @ np.abs(each) ** 2) for each in (one, other)]
    scale = math.sqrt(powers[0] * powers[1])
    confidence = float(band.weight @ turned.real) / scale if scale > 0 else 0.0
    return confidence, math.sqrt(max(powers)) / spectra[0].shape[0] / (2 * spectra[0].shape[1] - 2)
