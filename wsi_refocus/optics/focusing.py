"""Images of a stained section at any focus, made from its in-focus image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.optics.specimen import GLASS, Image, Specimen
from wsi_refocus.optics.transfer import Microscope, weak_object_transfer

_RADII = 64
_REGULARISATION = 0.02


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

    def _on_grid(self, radial: NDArray[np.float64]) -> Image:
        values: Image = np.interp(self._frequency, self._radii, radial).astype(np.float32)
        return values
