"""Optical density of 8-bit pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_OF_LEVEL = -np.log((np.arange(256) + 1) / 256).astype(np.float32)


def optical_density(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Optical density (natural logarithm), averaged over the channels.

    Parameters
    ----------
    image
        RGB of shape (height, width, 3).

    Returns
    -------
    ndarray of float32, shape (height, width)
        0 for white, 5.5 for black: −ln((level + 1) / 256).
    """
    red, green, blue = (_OF_LEVEL[image[..., channel]] for channel in range(3))
    red += green  # a sum over the short last axis takes four times as long
    red += blue
    red /= 3
    density: NDArray[np.float32] = red
    return density
