"""Point spread function of an incoherent microscope (Born & Wolf), in and out of focus."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]

FINEST_STEP_UM = 0.17
"""The PSF is computed at steps no longer than this: 2 NA/λ, the cut-off, needs them, whatever the pixels are."""
_NODES = 128


def born_wolf_intensity(
    radius_um: Real,
    z_um: float,
    *,
    wavelength_um: float,
    numerical_aperture: float,
    refractive_index: float = 1.0,
) -> Real:
    """Intensity of a point's image by distance from the axis, 1 at its middle in focus.

    |h|² with h = 2 ∫₀¹ J₀(k r ρ NA/n) exp(−½ i k ρ² z (NA/n)²) ρ dρ and k = 2π n/λ (Born & Wolf, Principles of
    Optics, 8.8). The first zero on the axis lies at z = 2 n λ/NA², the first in focus at r = 0.61 λ/NA, and the
    two sides of focus are the same.

    Parameters
    ----------
    radius_um
        Distances from the axis in µm, of any shape.
    z_um
        Defocus in µm.
    wavelength_um
        Wavelength in vacuum in µm.
    numerical_aperture
        Of the objective.
    refractive_index
        Of the medium in front of it.

    Returns
    -------
    ndarray of float64
        Of the shape of ``radius_um``.
    """
    from scipy.special import j0

    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    rho, weight = (nodes + 1) / 2, weights / 2
    lateral = 2 * np.pi * numerical_aperture / wavelength_um
    axial = np.pi * numerical_aperture**2 / (refractive_index * wavelength_um) * z_um
    waves = 2 * weight * rho * np.exp(-1j * axial * rho**2)
    amplitude = j0(lateral * np.asarray(radius_um)[..., np.newaxis] * rho) @ waves
    intensity: Real = np.abs(amplitude) ** 2
    return intensity


def born_wolf_psf(
    size: int,
    mpp: float,
    z_um: float,
    *,
    wavelength_um: float,
    numerical_aperture: float,
    refractive_index: float = 1.0,
) -> Real:
    """PSF on the pixels of a camera: `born_wolf_intensity` added up over the area of each pixel.

    Parameters
    ----------
    size
        Pixels a side; odd, so that the point lies in the middle of one.
    mpp
        µm per pixel.
    z_um, wavelength_um, numerical_aperture, refractive_index
        As in `born_wolf_intensity`.

    Returns
    -------
    ndarray of float64, shape (size, size)
        Its sum is 1.

    Raises
    ------
    ValueError
        If the size is even.
    """
    if size < 1 or size % 2 == 0:
        raise ValueError(f"a PSF is an odd number of pixels wide, not {size}")
    # An odd number of steps a pixel keeps the point on a step.
    steps = math.ceil(mpp / FINEST_STEP_UM) // 2 * 2 + 1
    step = mpp / steps
    line = (np.arange(size * steps) - (size * steps - 1) / 2) * step
    distance = np.hypot(line[:, np.newaxis], line)
    radii = np.arange(0.0, distance.max() + step, step / 8)
    profile = born_wolf_intensity(
        radii,
        z_um,
        wavelength_um=wavelength_um,
        numerical_aperture=numerical_aperture,
        refractive_index=refractive_index,
    )
    fine = np.interp(distance, radii, profile)
    binned: Real = fine.reshape(size, steps, size, steps).sum(axis=(1, 3))
    binned /= binned.sum()
    return binned
