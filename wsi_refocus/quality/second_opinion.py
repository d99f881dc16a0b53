"""What wave optics alone expects of an image's error, given where the section lies."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.quality.consistency import FIRST_RING, MISMATCH, Transfers, transfers_at
from wsi_refocus.quality.cross_spectra import RINGS, CrossSpectra

PRIOR_DENSITY = 4.0
"""Variance of the specimen's density that is thought possible, over that of the image."""
PRIOR_PHASE = 0.16
"""The same of its phase in radians²."""

Real = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Expected:
    """What is expected of an image.

    Attributes
    ----------
    gain_db : float
        PSNR of the image over that of the sharper shot, in optical density.
    error : float
        Its mean squared error, in optical density squared.
    agreement : float
        How far the image went from the sharper shot towards the expected specimen, over how far it went: 1 if straight.
    """

    gain_db: float
    error: float
    agreement: float


def expected_of(
    spectra: CrossSpectra, transfers: Transfers, z_um: tuple[float, float], *, second_is_sharper: bool
) -> Expected:
    """Compare an image and the sharper shot with the specimen that two shots at known heights let expect.

    At every frequency density and phase are unknown, with Gaussian priors, and the shots are linear in both (see
    `wsi_refocus.optics.inversion`); the posterior mean of the density is linear in the shots. So its distance to the
    image and to the sharper shot follows from the moments of the three, and the posterior variance adds to both.

    Parameters
    ----------
    spectra
        Of the image and both shots.
    transfers
        Of the microscope.
    z_um
        Heights of the first and of the second shot over focus.
    second_is_sharper
        Which shot is the sharper one.
    """
    rings = slice(FIRST_RING, RINGS)
    moments = spectra.moments[:, :, rings]
    own = np.stack([moments[1, 1], moments[2, 2]])
    noise = spectra.noise.diagonal()[1:, np.newaxis] + MISMATCH * own + 1e-9
    density, phase = (each[:, rings] for each in transfers_at(transfers, np.array(z_um)))
    power = np.maximum(moments[0, 0], 1e-9)
    of_density = (density**2 / noise).sum(axis=0) + 1 / (PRIOR_DENSITY * power)
    of_phase = (phase**2 / noise).sum(axis=0) + 1 / (PRIOR_PHASE * power)
    of_both = -(density * phase / noise).sum(axis=0)
    determinant = of_density * of_phase - of_both**2
    mean = (of_phase * density / noise + of_both * phase / noise) / determinant
    variance = of_phase / determinant
    specimen = np.stack([np.zeros_like(power), *mean])
    image, sharper = np.zeros((2, 3, 1))
    image[0] = 1
    sharper[2 if second_is_sharper else 1] = 1

    def product(one: Real, other: Real) -> float:
        """Inner product of two linear combinations of image and shots, over all rings."""
        common = np.einsum("ar,br,abr->r", np.broadcast_to(one, specimen.shape), other + 0 * specimen, moments)
        return float(np.average(common, weights=spectra.counts[rings]))

    spread = float(np.average(variance, weights=spectra.counts[rings]))
    error = product(specimen - image, specimen - image) + spread
    without = product(specimen - sharper, specimen - sharper) + spread
    step = product(image - sharper, image - sharper)
    return Expected(
        gain_db=10 * math.log10(without / error),
        error=error,
        agreement=product(specimen - sharper, image - sharper) / (step + 1e-9),
    )
