"""How near an image is to a reference: PSNR and SSIM of 8-bit RGB."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_PEAK = 255.0
_SSIM_WINDOW = 7


def mean_squared_error(image: NDArray[np.uint8], reference: NDArray[np.uint8]) -> float:
    """Mean squared difference over all pixels and channels, in grey levels².

    Errors of pieces of a slide add up by area; their PSNR values do not.

    Parameters
    ----------
    image, reference
        RGB of the same shape.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if image.shape != reference.shape:
        raise ValueError(f"image of shape {image.shape} and reference of shape {reference.shape} differ")
    if image.size == 0:
        return math.nan
    steps = image.astype(np.int32) - reference
    np.multiply(steps, steps, out=steps)
    return float(steps.sum(dtype=np.int64)) / steps.size


def psnr_of(error: float) -> float:
    """PSNR in dB of a mean squared error in grey levels²; infinite for no error at all."""
    if error == 0:
        return math.inf
    return 10 * math.log10(_PEAK * _PEAK / error)


def psnr(image: NDArray[np.uint8], reference: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio, 10 log₁₀(255² / MSE), over all channels.

    Parameters
    ----------
    image, reference
        RGB of the same shape.

    Returns
    -------
    float
        In dB; infinite where the images are identical, NaN where they are empty.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    return psnr_of(mean_squared_error(image, reference))


def ssim(image: NDArray[np.uint8], reference: NDArray[np.uint8]) -> float:
    """Mean structural similarity, averaged over the channels.

    Parameters
    ----------
    image, reference
        RGB of shape (height, width, 3), the same for both.

    Returns
    -------
    float
        At most 1, which is reached by identical images; NaN where an image is smaller than the window of
        7 × 7 pixels.

    Raises
    ------
    ValueError
        If the shapes differ.

    References
    ----------
    Wang et al., "Image quality assessment: from error visibility to structural similarity", IEEE TIP 13
    (2004); uniform window of 7 × 7 pixels, data range 255.
    """
    from skimage.metrics import structural_similarity

    if image.shape != reference.shape:
        raise ValueError(f"image of shape {image.shape} and reference of shape {reference.shape} differ")
    if min(image.shape[:2]) < _SSIM_WINDOW:
        return math.nan
    similarity = structural_similarity(  # type: ignore[no-untyped-call]
        image, reference, win_size=_SSIM_WINDOW, channel_axis=2, data_range=_PEAK
    )
    return float(similarity)
