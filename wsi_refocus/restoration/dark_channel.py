"""The dark channel prior of Pan et al. (CVPR 2016): blur makes the darkest pixels of every patch brighter."""

from __future__ import annotations

import numpy as np

from wsi_refocus.restoration.periodic import Image, Spectrum, divergence, gradients, gradients_power

PATCH = 9
"""Edge in pixels of the patches whose darkest pixel counts."""
_DARK = 4e-3
_EDGES = 4e-3
_STRONGEST = 8.0
_STEEPEST = 1e3
_FASTER = 4.0


def dark_channel_step(blurred: Image, response: Spectrum, clear: Image) -> Image:
    """Make a picture of few dark pixels and few edges that, once blurred, is the shot.

    min ‖I ⊗ k − B‖² + λ ‖D(I)‖₀ + μ ‖∇I‖₀ by half-quadratic splitting, D being the minimum over patches: pixels that
    are the darkest of some patch are set to zero where they are dark enough, small gradients too, and the picture
    between them is solved for by FFT, with growing weights.

    Parameters
    ----------
    blurred
        The shot, shape (height, width), from 0 to 1.
    response
        Spectrum of the blur.
    clear
        The picture of the last round; its darkest pixels are the first guess.

    Returns
    -------
    ndarray of float32, shape (height, width)
        The picture.
    """
    from scipy import fft
    from scipy.ndimage import grey_opening

    base = response.conj() * fft.rfft2(blurred)
    power, steepness = np.abs(response) ** 2, gradients_power(blurred.shape)
    dark = 2 * _DARK
    while dark < _STRONGEST:
        darkest = grey_opening(clear, (PATCH, PATCH)) >= clear  # the minimum of some patch that holds it
        wanted = np.where(darkest & (clear**2 < _DARK / dark), 0, clear)
        edge = 2 * _EDGES
        pulled = base + dark * fft.rfft2(wanted)
        while edge < _STEEPEST:
            down, right = gradients(clear)
            keep = down**2 + right**2 >= _EDGES / edge
            sparse = fft.rfft2(divergence(down * keep, right * keep))
            solved = (pulled + edge * sparse) / (power + dark + edge * steepness)
            clear = fft.irfft2(solved, s=blurred.shape).astype(np.float32)
            edge *= _FASTER
        dark *= _FASTER
    return clear
