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
PHASES: NDArray[np.float64] = np.arange(0, 11) * np.float64(0.25)
"""Phase in radians for a density of 1 that is tried: denser tissue delays light more."""
FIRST_RING = 1
"""The lowest ring says nothing of focus and is left out."""

_PRIOR = 0.01
"""Mean logarithm of what is left of a shot that a distance of `_USUAL_FACTOR` times the known one has to be worth."""
_USUAL_FACTOR = 1.5

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


def transfers_at(transfers: Transfers, heights_um: Real) -> tuple[Real, Real]:
    """Transfers of density and of phase at any heights, between those that are tabled; each of shape (n, RINGS)."""
    step = transfers.heights_um[1] - transfers.heights_um[0]
    place = np.clip((heights_um - transfers.heights_um[0]) / step, 0, len(transfers.heights_um) - 1.001)
    low = place.astype(np.intp)
    share = (place - low)[:, np.newaxis]
    density, phase = (
        table[low] * (1 - share) + table[low + 1] * share for table in (transfers.density, transfers.phase)
    )
    return density, phase


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
    tension : float
        How much worse these heights explain the shots than any others: mean logarithm of what is left.
    """

    z_um: tuple[float, float]
    chi2: tuple[float, float]
    phase_per_density: float
    unvouched: float
    tension: float


def reblur(spectra: CrossSpectra, transfers: Transfers, spacing_um: float) -> Reblurred:
    """Fit the heights of two shots, and say how well the image explains them.

    In the weak-object model a shot's density is Lₖ = R(zₖ) D − P(zₖ) φ with the phase φ = α D + ψ. What is left of a
    shot after the image, blurred with R(zₖ) − α P(zₖ), has been taken from it, is compared with what there was, ring
    by ring and as a logarithm, so that no assumption about the noise decides. Blur alone hardly tells one side of
    focus from the other; so heights in the right order and about as far apart as they are known to be are favoured,
    and it is told how much worse they explain the shots than any others.

    Parameters
    ----------
    spectra
        Of the image and both shots.
    transfers
        Of the microscope, at all heights that are tried.
    spacing_um
        Known distance of the shots.
    """
    rings = slice(FIRST_RING, RINGS)
    moments, counts = spectra.moments[:, :, rings], spectra.counts[rings]
    energy = np.maximum(moments[0, 0], 1e-12)
    ratio, phase = transfers.density[:, rings], transfers.phase[:, rings]
    transfer = ratio - PHASES[:, np.newaxis, np.newaxis] * phase  # (α, height, ring)
    weight = np.sqrt(counts) / np.sqrt(counts).sum()
    own = np.stack([moments[1, 1], moments[2, 2]])
    floor = spectra.noise.diagonal()[1:, np.newaxis] + MISMATCH * own + 1e-12
    left = np.stack([_left(transfer, moments, shot) for shot in (1, 2)])  # (shot, α, height, ring)
    least, all_of_it = (each[:, np.newaxis, np.newaxis] for each in (floor, own + floor))
    costs = (weight * np.log((left + least) / all_of_it)).sum(axis=-1)
    free = (costs[0].min(axis=1) + costs[1].min(axis=1)).min()
    total = costs[0][:, :, np.newaxis] + costs[1][:, np.newaxis] + _unlikely(transfers.heights_um, spacing_um)
    alpha, *best = (int(each) for each in np.unravel_index(int(total.argmin()), total.shape))
    lines = (total[alpha, :, best[1]], total[alpha, best[0]])
    first, second = (_refined(line, place, transfers.heights_um) for line, place in zip(lines, best, strict=True))
    allowed = floor + PHASE_SPREAD**2 * energy * phase[best] ** 2
    chi2 = [float(np.average(left[shot, alpha, best[shot]] / allowed[shot], weights=counts)) for shot in range(2)]
    seen = (ratio[best] ** 2 * energy / floor).max(axis=0)
    power = counts * energy
    return Reblurred(
        z_um=(first, second),
        chi2=(chi2[0], chi2[1]),
        phase_per_density=float(PHASES[alpha]),
        unvouched=float(power[seen < 1].sum() / power.sum()),
        tension=float(costs[0][alpha, best[0]] + costs[1][alpha, best[1]] - free),
    )


def _left(transfer: Real, moments: Real, shot: int) -> Real:
    """Energy of a shot that is left after the image, blurred with each transfer, has been taken from it."""
    left: Real = moments[shot, shot] - 2 * transfer * moments[0, shot] + transfer**2 * moments[0, 0]
    return np.maximum(left, 0)


def _unlikely(heights_um: Real, spacing_um: float) -> Real:
    """What is added to the cost of each pair of heights, shape (n, n): nothing where they are as far apart as known."""
    ratio = (heights_um[np.newaxis] - heights_um[:, np.newaxis]) / spacing_um
    factor = np.log(np.maximum(ratio, 1e-3)) / np.log(_USUAL_FACTOR)
    unlikely: Real = _PRIOR * np.minimum(factor**2, 4)
    return np.where(ratio > 0, unlikely, 5 * _PRIOR)


def _refined(cost: Real, best: int, heights: Real) -> float:
    """Height at the minimum of the parabola through the best point and its neighbours."""
    if not 0 < best < len(heights) - 1:
        return float(heights[best])
    below, here, above = cost[best - 1 : best + 2]
    curvature = below - 2 * here + above
    offset = 0.5 * (below - above) / curvature if curvature > 0 else 0.0
    return float(heights[best] + np.clip(offset, -0.5, 0.5) * (heights[1] - heights[0]))
