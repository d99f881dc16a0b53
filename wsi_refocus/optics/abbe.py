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
_KEPT = 3

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
        self._extent_um = tuple(side * mpp for side in self._shape[:2])
        self._finest_kept = 0.5 / mpp
        number = np.arange(math.ceil(source_points / 2))
        radius = np.sqrt((number + 0.5) / len(number)) * optics.condenser_ratio
        points = np.array([radius * np.cos(number * _GOLDEN_ANGLE), radius * np.sin(number * _GOLDEN_ANGLE)])
        self._source = np.hstack([points, -points])  # in pairs, so that it is as symmetric as a real one
        self._seen: dict[float, list[Image]] = {}

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
        if z_um not in self._seen:  # the view in focus is asked for once a shot
            self._seen[z_um] = [self._intensity(channel, z_um) for channel in range(3)]
            while len(self._seen) > _KEPT:
                del self._seen[next(iter(self._seen))]
        view = np.empty((*self._shape, 3), np.float32)
        for channel, intensity in enumerate(self._seen[z_um]):
            seen = _resampled(intensity, self._shape, shift_px)
            view[..., channel] = np.float32(GLASS) * np.maximum(seen, _DARKEST)
        return view

    def _intensity(self, channel: int, z_um: float) -> Image:
        """Intensity on a grid that is just fine enough for what the detector keeps.

        Of the object's spectrum only the pupil's part is lit up, so that every field is computed on a grid of the band
        that the intensity needs: |field|² has twice the pupil's band, and what of it lies beyond the detector's own may
        fold back onto itself, but not further.
        """
        from scipy import fft

        optics = self._optics
        wavelength = optics.wavelengths_um[channel]
        edge = optics.numerical_aperture / wavelength
        kept = min(self._finest_kept, 2 * edge)
        height, width = (fft.next_fast_len(math.ceil(side * (2 * edge + kept)) + 2) for side in self._extent_um)
        radii = [math.floor(side * edge) + 1 for side in self._extent_um]
        rows, columns = (np.arange(-radius, radius + 1) for radius in radii)
        spectrum = self._objects[channel]
        scale = np.float32(height * width / spectrum.size)
        total = np.zeros((height, width), np.float32)
        for sy, sx in self._source.T * edge:
            middle = [round(-point * side) for point, side in zip((sy, sx), self._extent_um, strict=True)]
            ky, kx = (  # beyond these there is nothing of the object
                each[np.abs(each + shift) < side // 2] + shift
                for each, shift, side in zip((rows, columns), middle, spectrum.shape, strict=True)
            )
            fy, fx = ky[:, np.newaxis] / self._extent_um[0] + sy, kx / self._extent_um[1] + sx
            lit = spectrum[np.ix_(ky % spectrum.shape[0], kx % spectrum.shape[1])]
            field = np.zeros((height, width), np.complex64)
            field[np.ix_((ky - middle[0]) % height, (kx - middle[1]) % width)] = lit * self._pupil(
                channel, z_um, fy, fx
            )
            field = fft.ifft2(field, overwrite_x=True)
            total += field.real**2 + field.imag**2
        return total * (scale**2 / np.float32(self._source.shape[1]))

    def _pupil(self, channel: int, z_um: float, fy: NDArray[np.float64], fx: NDArray[np.float64]) -> Complex:
        """Pupil with its defocus and aberrations, at frequencies in cycles per µm."""
        optics = self._optics
        wavelength = optics.wavelengths_um[channel]
        edge = np.float32(optics.numerical_aperture / wavelength)
        squared = (fy**2 + fx**2).astype(np.float32)
        axial = np.sqrt(np.maximum(np.float32(wavelength**-2) - squared, 0)) - np.float32(1 / wavelength)
        waves = np.float32(z_um - optics.axial_colour_um[channel]) * axial
        waves += np.float32(optics.spherical_waves) * (squared / edge**2) ** 2
        pupil: Complex = (squared <= edge**2) * np.exp(np.complex64(2j * np.pi) * waves)
        return pupil


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
