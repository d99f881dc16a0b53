"""Kernels of the incoherent model, to blur with and to undo blur with."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.optics.inversion import EDGE, RADIUS, fading_window
from wsi_refocus.optics.psf import born_wolf_psf
from wsi_refocus.optics.transfer import Microscope

NOISE = 0.01
"""Noise over signal, in power, that a Wiener filter assumes at all frequencies."""
_SHARP_UM = 1.2


def blur_kernels(optics: Microscope, mpp: float, heights_um: Sequence[float]) -> NDArray[np.float32]:
    """Point-spread functions in focus and at some heights.

    Parameters
    ----------
    optics
        Aperture, wavelengths and axial colour are used.
    mpp
        µm per pixel.
    heights_um
        Heights of the focal planes above the section, in µm.

    Returns
    -------
    ndarray of float32, shape (3, 1 + heights, size, size)
        For the three channels; the first is that in focus. Their sums are 1, their middle is the origin.
    """
    slope = optics.numerical_aperture / math.sqrt(1 - optics.numerical_aperture**2)
    reach_um = slope * max(map(abs, heights_um)) + _SHARP_UM
    size = 2 * min(RADIUS, math.ceil(reach_um / mpp)) + 1
    kernels = [
        [
            born_wolf_psf(
                size,
                mpp,
                height - optics.axial_colour_um[channel],
                wavelength_um=optics.wavelengths_um[channel],
                numerical_aperture=optics.numerical_aperture,
            )
            for height in (0.0, *heights_um)
        ]
        for channel in range(3)
    ]
    return np.array(kernels, np.float32)


def wiener_kernels(
    optics: Microscope, mpp: float, heights_um: Sequence[float], noise: float = NOISE
) -> NDArray[np.float32]:
    """Kernels that give the in-focus image from shots, by the Wiener filter for several images of one object.

    H₀ H̄ₖ / (Σ |H|² + noise), with Hₖ the transfer of shot k and H₀ that in focus: the microscope's own blur is not
    undone. Cut off smoothly at `RADIUS`.

    Parameters
    ----------
    optics, mpp, heights_um
        As for `blur_kernels`.
    noise
        Noise over signal, in power.

    Returns
    -------
    ndarray of float32, shape (3, heights, EDGE, EDGE)
        With their origin in the first element; over the shots they add up to 1.
    """
    blurs = blur_kernels(optics, mpp, heights_um)
    size = blurs.shape[-1]
    placed = np.zeros((*blurs.shape[:2], EDGE, EDGE))
    placed[..., :size, :size] = blurs
    transfer = np.fft.rfft2(np.roll(placed, (-(size // 2), -(size // 2)), (-2, -1)))
    focus, shots = transfer[:, :1], transfer[:, 1:]
    response = focus * shots.conj() / ((np.abs(shots) ** 2).sum(axis=1, keepdims=True) + noise)
    kernels = np.fft.irfft2(response, s=(EDGE, EDGE)) * fading_window()
    kernels /= kernels.sum(axis=(1, 2, 3), keepdims=True)
    return kernels.astype(np.float32)
