"""Images of a stained section at any focus, made from its in-focus image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.optics.transfer import Microscope, weak_object_transfer

Image = NDArray[np.float32]

GLASS = 245.0
"""Grey level of empty glass that optical densities are counted from."""
_RADII = 64
_REGULARISATION = 0.02


@dataclass(frozen=True, slots=True)
class Specimen:
    """A stained section.

    Attributes
    ----------
    density : ndarray of float32, shape (3, height, width)
        Optical density (natural logarithm) for red, green and blue, as the microscope shows it in focus.
    phase : ndarray of float32, shape (height, width)
        Phase in radians that the section adds to the light.
    """

    density: Image
    phase: Image


def specimen_of(image: NDArray[np.uint8], phase_per_density: float, phase_texture: Image | float) -> Specimen:
    """Take an in-focus image for a section.

    The phase of real sections follows their stain only in part, and how much differs from slide to slide: it is
    a factor times the mean optical density, plus a texture of its own.

    Parameters
    ----------
    image
        RGB of shape (height, width, 3), in focus.
    phase_per_density
        Phase in radians for an optical density of 1.
    phase_texture
        Further phase in radians, shape (height, width).
    """
    grey = np.maximum(np.moveaxis(image, 2, 0).astype(np.float32), 1)
    density = -np.log(grey / np.float32(GLASS))
    phase = np.float32(phase_per_density) * density.mean(axis=0) + np.float32(phase_texture)
    return Specimen(density, phase.astype(np.float32))


class FocusedViews:
    """All views of a specimen through a microscope.

    The weak-object model in log-intensity: −OD ⊗ Hₐ(z) + φ ⊗ Hₚ(z). The density is that of an image that was in
    focus already, so what is applied is Hₐ(z) / Hₐ(0), regularised where Hₐ(0) vanishes: the truth stays the
    image that the microscope takes in focus, and is not sharpened.

    Parameters
    ----------
    specimen
        The section.
    optics
        The microscope.
    mpp
        µm per pixel.
    """

    def __init__(self, specimen: Specimen, optics: Microscope, mpp: float) -> None:
        from scipy import fft

        self._optics = optics
        self._shape = specimen.phase.shape
        self._density = fft.rfft2(specimen.density)
        self._phase = fft.rfft2(specimen.phase)
        fy = fft.fftfreq(self._shape[0], mpp)[:, np.newaxis]
        fx = fft.rfftfreq(self._shape[1], mpp)[np.newaxis]
        self._turn = -2 * np.pi * mpp * fy.astype(np.float32), -2 * np.pi * mpp * fx.astype(np.float32)
        self._frequency = np.hypot(fy, fx)
        self._radii = np.linspace(0, float(self._frequency.max()), _RADII)
        self._in_focus = [weak_object_transfer(optics, channel, 0.0, self._radii) for channel in range(3)]

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
        from scipy import fft

        view = np.empty((*self._shape, 3), np.float32)
        move = np.exp(1j * (self._turn[0] * shift_px[0] + self._turn[1] * shift_px[1])) if any(shift_px) else 1
        for channel in range(3):
            transfer = weak_object_transfer(self._optics, channel, z_um, self._radii)
            base = self._in_focus[channel].absorption
            ratio = transfer.absorption * base / (base**2 + _REGULARISATION**2)
            spectrum = self._phase * self._on_grid(transfer.phase) - self._density[channel] * self._on_grid(ratio)
            log = fft.irfft2(spectrum * move, s=self._shape)
            view[..., channel] = np.float32(GLASS) * np.exp(log)
        return view

    def over(self, z_um: Image, shift_px: tuple[float, float] = (0.0, 0.0), step_um: float = 0.2) -> Image:
        """View of a section that is not flat: every pixel at its own height.

        Views at steps of ``step_um`` are interpolated linearly; topography is smooth over the few µm that a
        defocused point spreads to.

        Parameters
        ----------
        z_um
            Height of the focal plane above each pixel's section, shape (height, width).
        shift_px, step_um
            As in `at`; and the distance of the views.
        """
        low, high = float(z_um.min()), float(z_um.max())
        count = max(1, int(np.ceil((high - low) / step_um)))
        step = (high - low) / count
        if step < 1e-6:
            return self.at(low, shift_px)
        result = np.zeros((*self._shape, 3), np.float32)
        for number in range(count + 1):
            z = low + number * step
            weight = np.clip(1 - np.abs(z_um - z) / step, 0, 1).astype(np.float32)
            result += weight[..., np.newaxis] * self.at(z, shift_px)
        return result

    def _on_grid(self, radial: NDArray[np.float64]) -> Image:
        values: Image = np.interp(self._frequency, self._radii, radial).astype(np.float32)
        return values


def smooth_noise(shape: tuple[int, int], sigma_px: float, generator: np.random.Generator) -> Image:
    """Gaussian random field of unit standard deviation and a correlation length of about ``sigma_px``."""
    from scipy import fft

    white = fft.rfft2(generator.standard_normal(shape, dtype=np.float32))
    fy, fx = fft.fftfreq(shape[0])[:, np.newaxis], fft.rfftfreq(shape[1])
    smoothed = fft.irfft2(white * np.exp(-2 * (np.pi * sigma_px) ** 2 * (fy**2 + fx**2)), s=shape)
    spread = float(smoothed.std()) or 1.0
    field: Image = ((smoothed - smoothed.mean()) / spread).astype(np.float32)
    return field
