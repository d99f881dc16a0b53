"""Where focus lies, as two shots alone show it: by how differently they are blurred."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.quality.consistency import FIRST_RING, MISMATCH, Transfers, transfers_at
from wsi_refocus.quality.cross_spectra import RINGS, CrossSpectra

DRIFTS_UM: NDArray[np.float64] = np.arange(-40, 41) * np.float64(0.1)
"""Drifts that are tried."""
SCALES = (0.7, 0.85, 1.0, 1.18, 1.4)
"""Defocus that is tried over the known one: stages travel otherwise than they say, objectives differ in aperture."""
PHASES = np.arange(-5, 6) * 0.4
"""Phase in radians for a density of 1 that is tried; below 0 stands for shots in the wrong order."""

Real = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ShotFocus:
    """How the section lies to two shots of a known distance.

    Attributes
    ----------
    drift_um : float
        δ̂: height of the section above the middle of the shots, in µm of stage travel.
    spread_um : float
        Standard deviation of δ over what explains the shots nearly as well.
    misfit : float
        Energy of the shots that no drift explains, over what noise and the model's mismatch allow: mean of ln(1 + x)
        over the rings, 0.7 as expected.
    order : float
        How much better the shots are explained in the order in which they were named than in the other, in units of
        log-likelihood a ring; negative if worse.
    noise_in_common : float
        Correlation of the shots' noise: 0 for two shots, 1 for the same one twice.
    """

    drift_um: float
    spread_um: float
    misfit: float
    order: float
    noise_in_common: float


def focus_of_shots(spectra: CrossSpectra, transfers: Transfers, offset_um: float) -> ShotFocus:
    """Find the drift that explains how the spectra of two shots go together, whatever the specimen is.

    In the weak-object model the two densities are tₖ(f) D(f) with tₖ = R(zₖ) − α P(zₖ), and the specimen's D unknown at
    every frequency. So of the shots' energy, counted in units of the noise, all should lie in the direction of
    (t₁, t₂); how much does not is the measure of every candidate (δ, scale of the defocus, α).

    Parameters
    ----------
    spectra
        Of both shots.
    transfers
        Of the microscope.
    offset_um
        ΔD.
    """
    rings = slice(FIRST_RING, RINGS)
    counts = spectra.counts[rings]
    own = np.stack([spectra.moments[1, 1, rings], spectra.moments[2, 2, rings]])
    common = spectra.moments[1, 2, rings]
    noise = np.maximum(spectra.noise.diagonal()[1:, np.newaxis] + MISMATCH * own, 1e-12)
    white = own / noise
    white_common = common / np.sqrt(noise[0] * noise[1])
    weight = np.sqrt(counts) / np.sqrt(counts).sum()
    cost = np.empty((len(SCALES), len(PHASES), len(DRIFTS_UM)))
    for number, scale in enumerate(SCALES):
        pair = [transfers_at(transfers, scale * (side * offset_um - DRIFTS_UM)) for side in (-1, 1)]
        first, second = (
            (ratio[:, rings] - PHASES[:, np.newaxis, np.newaxis] * phase[:, rings]) / np.sqrt(noise[shot])
            for shot, (ratio, phase) in enumerate(pair)
        )
        along = (first**2 * white[0] + 2 * first * second * white_common + second**2 * white[1]) / (
            first**2 + second**2 + 1e-12
        )
        cost[number] = (np.log1p(np.maximum(white.sum(axis=0) - along, 0)) * weight).sum(axis=-1)
    return _summary(cost, spectra, counts)


def _summary(cost: Real, spectra: CrossSpectra, counts: Real) -> ShotFocus:
    named, exchanged = cost[:, PHASES >= 0], cost[:, PHASES <= 0]
    by_drift = named.min(axis=(0, 1))
    best = int(by_drift.argmin())
    likely = np.exp(-(by_drift - by_drift[best]) * min(float(counts.sum()), _DEGREES))
    likely /= likely.sum()
    mean = float((likely * DRIFTS_UM).sum())
    noise = spectra.noise
    return ShotFocus(
        drift_um=float(DRIFTS_UM[best]),
        spread_um=float(np.sqrt((likely * (DRIFTS_UM - mean) ** 2).sum())),
        misfit=float(by_drift[best]),
        order=float(exchanged.min() - by_drift[best]),
        noise_in_common=float(noise[1, 2] / np.sqrt(noise[1, 1] * noise[2, 2] + 1e-18)),
    )


_DEGREES = 200.0
"""Independent values that the shots are granted at most: the model is wrong in the same way at neighbouring ones."""
