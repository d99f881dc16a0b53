"""Images under partially coherent light without the weak-object approximation: a sum over points of the source."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.optics.specimen import GLASS, Image, Specimen
from wsi_refocus.optics.transfer import Microscope

FINEST_UM = 0.17
"""Largest spacing at which fields are computed: amplitudes reach (1 + condenser ratio) NA / λ cycles per µm."""
SOURCE_POINTS = 24
_GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))
_DARKEST = 1e-3

Complex = NDArray[np.complex64]


class AbbeViews:
    """All views of a specimen through a microscope, by Abbe's method.

    The section is a thin object t = exp(−OD / 2 + iφ). Every point s of the condenser's aperture lights it with a
    plane wave of its own, and what the detector sees is the sum of the intensities, I = Σ |F⁻¹{T(f − s) P(f)}|².
    Strong phase and products of density and phase are so in it, which the weak-object model leaves out. The
    thickness of the section is not: it is thin.

    Parameters
    ----------
    specimen
        The section.
    optics
        The microscope.
    mpp
        µm per pixel; fields are computed on a grid of at most `FINEST_UM`.
    source_points
        Points of the source, spread evenly over it; an odd number is made even.
    """

    def __init__(self, specimen: Specimen, optics: Microscope, mpp: float, source_points: int = SOURCE_POINTS) -> None:
        from scipy import fft

        self._optics = optics
        self._shape = specimen.phase.shape
        self._finer = math.ceil(mpp / FINEST_UM)
        height, width = (side * self._finer for side in self._shape)
        phase = _resampled(specimen.phase, (height, width))
        self._objects: list[Complex] = [
            np.asarray(fft.fft2(np.exp(-_resampled(density, (height, width)) / 2 + 1j * phase)), np.complex64)
            for density in specimen.density
        ]
        self._fy = fft.fftfreq(height, mpp / self._finer)[:, np.newaxis].astype(np.float32)
        self._fx = fft.fftfreq(width, mpp / self._finer).astype(np.float32)
        number = np.arange(math.ceil(source_points / 2))
        radius = np.sqrt((number + 0.5) / len(number)) * optics.condenser_ratio
        points = np.array([radius * np.cos(number * _GOLDEN_ANGLE), radius * np.sin(number * _GOLDEN_ANGLE)])
        self._source = np.hstack([points, -points])  # in pairs, so that it is as symmetric as a real one

    def at(self, z_um: float, shift_px: tuple[float, float] = (0.0, 0.0)) -> Image:
        """View with the focal plane ``z_um`` above the section.

        Parameters
        ----------
        z_um
            In µm of stage travel in air.
        shift_px
            How far the content is moved down and to the right, in pixels.

        Returns
        -------
        ndarray of float32, shape (height, width, 3)
            Grey levels, not clipped.
        """
        view = np.empty((*self._shape, 3), np.float32)
        for channel in range(3):
            seen = _resampled(self._intensity(channel, z_um), self._shape, shift_px)
            view[..., channel] = np.float32(GLASS) * np.maximum(seen, _DARKEST)
        return view

    def _intensity(self, channel: int, z_um: float) -> Image:
        from scipy import fft

        optics = self._optics
        wavelength = optics.wavelengths_um[channel]
        edge = np.float32(optics.numerical_aperture / wavelength)
        z_um = z_um - optics.axial_colour_um[channel]
        total = np.zeros((len(self._fy), len(self._fx)), np.float32)
        for sy, sx in self._source.T:
            squared = (self._fy + np.float32(sy) * edge) ** 2 + (self._fx + np.float32(sx) * edge) ** 2
            axial = np.sqrt(np.maximum(np.float32(wavelength**-2) - squared, 0)) - np.float32(1 / wavelength)
            waves = np.float32(z_um) * axial + np.float32(optics.spherical_waves) * (squared / edge**2) ** 2
            pupil = (squared <= edge**2) * np.exp(np.complex64(2j * np.pi) * waves)
            field = fft.ifft2(self._objects[channel] * pupil)
            total += field.real**2 + field.imag**2
        return total / np.float32(self._source.shape[1])


def _resampled(image: Image, shape: tuple[int, ...], shift_px: tuple[float, float] = (0.0, 0.0)) -> Image:
    """Image on a grid of another spacing over the same periodic area, by its spectrum; moved by a shift."""
    from scipy import fft

    spectrum = fft.rfft2(image)
    rows, columns = min(image.shape[0], shape[0]), min(image.shape[1], shape[1])
    above, below, across = (rows + 1) // 2, (rows - 1) // 2, (columns + 1) // 2
    result = np.zeros((shape[0], shape[1] // 2 + 1), spectrum.dtype)
    result[:above, :across] = spectrum[:above, :across]
    result[shape[0] - below :, :across] = spectrum[image.shape[0] - below :, :across]
    if any(shift_px):
        fy, fx = fft.fftfreq(shape[0])[:, np.newaxis], fft.rfftfreq(shape[1])
        result *= np.exp(-2j * np.pi * (fy * shift_px[0] + fx * shift_px[1]))
    scale = np.float32(shape[0] * shape[1] / (image.shape[0] * image.shape[1]))
    moved: Image = (fft.irfft2(result, s=shape) * scale).astype(np.float32)
    return moved
