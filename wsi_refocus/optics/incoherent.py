"""Views by the paper's model, eq. 1: the image of a flat section is blurred by |h|², alike on both sides of focus."""

from __future__ import annotations

import numpy as np

from wsi_refocus.optics.psf import born_wolf_psf
from wsi_refocus.optics.specimen import GLASS, Image, Specimen
from wsi_refocus.optics.transfer import Microscope

_REACH_PX = 40


class IncoherentViews:
    """All views of a specimen under incoherent light, without phase and aberrations.

    Parameters
    ----------
    specimen
        The section; its phase is not seen.
    optics
        Aperture and wavelengths are used.
    mpp
        µm per pixel.
    """

    def __init__(self, specimen: Specimen, optics: Microscope, mpp: float) -> None:
        from scipy import fft

        self._optics = optics
        self._mpp = mpp
        self._shape = specimen.phase.shape
        self._spectrum = fft.rfft2(np.float32(GLASS) * np.exp(-specimen.density))

    def at(self, z_um: float, shift_px: tuple[float, float] = (0.0, 0.0)) -> Image:
        """View with the focal plane ``z_um`` above the section, shape (height, width, 3), in grey levels.

        Parameters
        ----------
        z_um
            In µm.
        shift_px
            How far the content is moved down and to the right, in pixels.
        """
        from scipy import fft

        size = 2 * min(_REACH_PX, (min(self._shape) - 1) // 2) + 1
        fy, fx = fft.fftfreq(self._shape[0])[:, np.newaxis], fft.rfftfreq(self._shape[1])
        move = np.exp(-2j * np.pi * (fy * shift_px[0] + fx * shift_px[1]))
        view = np.empty((*self._shape, 3), np.float32)
        for channel in range(3):
            blur = np.zeros(self._shape)
            blur[:size, :size] = born_wolf_psf(
                size,
                self._mpp,
                z_um,
                wavelength_um=self._optics.wavelengths_um[channel],
                numerical_aperture=self._optics.numerical_aperture,
            )
            transfer = fft.rfft2(np.roll(blur, (-(size // 2), -(size // 2)), (0, 1)))
            view[..., channel] = fft.irfft2(self._spectrum[channel] * transfer * move, s=self._shape)
        return view
