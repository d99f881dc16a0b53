"""How sharp an image is, without a reference: the Brenner gradient of its luminance."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_WEIGHTS = (77, 150, 29)
"""Rec. 601 luma weights of R, G and B in 1/256."""


def luminance(image: NDArray[Any]) -> NDArray[np.float32]:
    """Luminance of an image.

    Parameters
    ----------
    image
        RGB of shape (height, width, 3) or grey of shape (height, width), in grey levels.

    Returns
    -------
    ndarray of shape (height, width)
        Rec. 601 luma in grey levels of the input.
    """
    if image.ndim == 2:
        return image.astype(np.float32)
    red, green, blue = (np.float32(weight / 256) for weight in _WEIGHTS)
    result: NDArray[np.float32] = image[..., 0] * red
    result += image[..., 1] * green
    result += image[..., 2] * blue
    return result


def brenner_gradient(image: NDArray[Any]) -> float:
    """Mean Brenner gradient: (I(x + 2) − I(x))² of the luminance, averaged over the image.

    The paper sums over the tile; the mean is the same measure but does not depend on the tile's size.

    Parameters
    ----------
    image
        RGB of shape (height, width, 3) or grey of shape (height, width). 8-bit images are summed in whole
        numbers, so that the result is the same on every machine.

    Returns
    -------
    float
        In grey levels²; 0 for an image narrower than three pixels.

    References
    ----------
    Brenner et al., "An automated microscope for cytologic research", J. Histochem. Cytochem. 24 (1976).
    """
    if image.shape[0] == 0 or image.shape[1] < 3:
        return 0.0
    if image.dtype == np.uint8:
        sixteenths = _luminance_sixteenths(image)
        steps = sixteenths[:, 2:] - sixteenths[:, :-2]
        np.multiply(steps, steps, out=steps)
        return float(steps.sum(dtype=np.int64)) / (256 * steps.size)
    grey = luminance(image)
    return float(np.mean(np.square(grey[:, 2:] - grey[:, :-2], dtype=np.float64)))


def _luminance_sixteenths(image: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Luminance in 1/16 grey levels: the square of a difference of two fits 32 bits."""
    if image.ndim == 2:
        return image.astype(np.int32) * 16
    # whole numbers below 2²⁴, so exact in float32, whose products are the fastest way over interleaved channels
    total = np.ascontiguousarray(image).reshape(-1, 3).astype(np.float32) @ np.array(_WEIGHTS, np.float32)
    return (total.astype(np.int32) >> 4).reshape(image.shape[:2])
