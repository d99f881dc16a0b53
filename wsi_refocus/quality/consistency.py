"""Whether an image, blurred again as the microscope does, predicts the shots that it was made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.quality.cross_spectra import RINGS, CrossSpectra

MISMATCH = 0.01
"""Power that the model may miss by, over that of the shot: real optics are not the model's."""
PHASE_SPREAD = 0.3
"""Standard deviation, in radians for a density of 1, of phase that does not follow the density."""
PHASE_RANGE = (0.0, 3.0)
"""Phase in radians for a density of 1 that is thought possible: denser tissue delays light more."""
FIRST_RING = 1
"""The lowest ring says nothing of focus and is left out."""

Real = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Transfers:
    """How a microscope passes on density and phase at a series of heights.

    Attributes
    ----------
    heights_um : ndarray of float64, shape (n,)
        Heights of the focal plane over focus, in µm of stage travel, rising and evenly spaced.
    density : ndarray of float64, shape (n, RINGS)
        From the density as it looks in focus to that of a shot.
    phase : ndarray of float64, shape (n, RINGS)
        From phase in radians to log-intensity.
    """

    heights_um: Real
    density: Real
    phase: Real


@dataclass(frozen=True, slots=True)
class Reblurred:
    """What the fit of a re-blurred image to two shots found.

    Attributes
    ----------
    z_um : tuple of float
        Heights of the first and of the second shot over focus.
    chi2 : tuple of float
        Reduced χ² of the first and of the second shot: 1 where the model explains all but noise and its own mismatch.
    phase_per_density : float
        Phase in radians that goes with a density of 1.
    unvouched : float
        Share of the image's energy at frequencies where it would stand above the noise in neither shot.
    """

    z_um: tuple[float, float]
    chi2: tuple[float, float]
    phase_per_density: float
    unvouched: float


def reblur(spectra: CrossSpectra, transfers: Transfers) -> Reblurred:
    """Fit the heights of two shots, and say how well the image explains them.

    In the weak-object model a shot's density is Lₖ = R(zₖ) D − P(zₖ) φ with the phase φ = α D + ψ. The ψ are taken for
    random, with `PHASE_SPREAD` times the spectrum of D. For every pair of heights α is found by least squares; the pair
    of the largest likelihood wins, without regard to what the stage says of their distance.

    Parameters
    ----------
    spectra
        Of the image and both shots.
    transfers
        Of the microscope, at all heights that are tried.
    """
    rings = slice(FIRST_RING, RINGS)
    moments = spectra.moments[:, :, rings]
    counts = spectra.counts[rings]
    energy = np.maximum(moments[0, 0], 1e-12)
    ratio, phase = transfers.density[:, rings], transfers.phase[:, rings]
    floor = spectra.noise.diagonal()[1:, np.newaxis] + MISMATCH * np.stack([moments[1, 1], moments[2, 2]])
    variance = floor[:, np.newaxis] + PHASE_SPREAD**2 * energy * phase**2  # (shot, height, ring)
    slope = _phase_slopes(moments, ratio, phase, variance, counts)
    cost = np.zeros((len(ratio), len(ratio)))
    for shot in range(2):
        # with α given for each pair, the cost of a shot is a parabola in α at its own height
        constant, linear, square = _parabola(moments, shot, ratio, phase, variance[shot], counts)
        parts = [each[:, np.newaxis] if shot == 0 else each[np.newaxis] for each in (constant, linear, square)]
        cost += parts[0] + slope * parts[1] + slope**2 * parts[2]
    best = np.unravel_index(int(cost.argmin()), cost.shape)
    alpha = float(slope[best])
    chi2 = []
    seen = np.zeros_like(energy)
    for shot, height in enumerate(best):
        transfer = ratio[height] - alpha * phase[height]
        residual = moments[shot + 1, shot + 1] - 2 * transfer * moments[0, shot + 1] + transfer**2 * energy
        chi2.append(float(np.average(np.maximum(residual, 0) / variance[shot, height], weights=counts)))
        seen = np.maximum(seen, (ratio[height] ** 2 * energy) / floor[shot])
    weight = counts * energy
    unvouched = float(weight[seen < 1].sum() / weight.sum())
    first, second = (_refined(cost, best, axis, transfers.heights_um) for axis in range(2))
    return Reblurred((first, second), (chi2[0], chi2[1]), alpha, unvouched)


def _parabola(
    moments: Real, shot: int, ratio: Real, phase: Real, variance: Real, counts: Real
) -> tuple[Real, Real, Real]:
    """Coefficients of −2 log-likelihood of one shot at every height, as a polynomial of α; each of shape (n,)."""
    weight = counts / variance
    own, cross, energy = moments[shot + 1, shot + 1], moments[0, shot + 1], moments[0, 0]
    constant = (weight * (own - 2 * ratio * cross + ratio**2 * energy)).sum(axis=1)
    linear = (weight * 2 * phase * (cross - ratio * energy)).sum(axis=1)
    square = (weight * phase**2 * energy).sum(axis=1)
    return constant + (counts * np.log(variance)).sum(axis=1), linear, square


def _phase_slopes(moments: Real, ratio: Real, phase: Real, variance: Real, counts: Real) -> Real:
    """Best α for every pair of heights, shape (n, n)."""
    first, second = (_parabola(moments, shot, ratio, phase, variance[shot], counts) for shot in range(2))
    linear = first[1][:, np.newaxis] + second[1][np.newaxis]
    square = first[2][:, np.newaxis] + second[2][np.newaxis]
    slope: Real = np.clip(-linear / np.maximum(2 * square, 1e-12), *PHASE_RANGE)
    return slope


def _refined(cost: Real, best: tuple[np.intp, ...], axis: int, heights: Real) -> float:
    """Height at the minimum of the parabola through the best point and its neighbours."""
    index = int(best[axis])
    if not 0 < index < len(heights) - 1:
        return float(heights[index])
    line = cost[:, best[1]] if axis == 0 else cost[best[0]]
    below, here, above = line[index - 1 : index + 2]
    curvature = below - 2 * here + above
    offset = 0.5 * (below - above) / curvature if curvature > 0 else 0.0
    return float(heights[index] + np.clip(offset, -0.5, 0.5) * (heights[1] - heights[0]))
