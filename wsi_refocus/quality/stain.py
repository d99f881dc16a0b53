"""How true the stains are: optical density of haematoxylin and eosin (Ruifrok and Johnston 2001)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_COARSE = 8


def stain_errors(image: NDArray[np.uint8], truth: NDArray[np.uint8]) -> tuple[float, float]:
    """Mean absolute error of the optical density of haematoxylin and of eosin.

    Parameters
    ----------
    image, truth
        RGB of shape (height, width, 3).

    Returns
    -------
    haematoxylin, eosin : float
        In units of scikit-image's stain matrix, decadic.
    """
    from skimage.color import rgb2hed

    difference = np.abs(rgb2hed(image) - rgb2hed(truth)).mean(axis=(0, 1))
    return float(difference[0]), float(difference[1])


def slow_stain_changes(image: NDArray[np.uint8], reference: NDArray[np.uint8]) -> tuple[float, float]:
    """Mean absolute change of the optical density of haematoxylin and of eosin, at low spatial frequencies.

    Means of 8 × 8 pixels are compared: defocus and detail hardly change them, a wrong colour does.

    Parameters
    ----------
    image, reference
        RGB of shape (height, width, 3), at least 8 pixels a side.

    Returns
    -------
    haematoxylin, eosin : float
        In units of scikit-image's stain matrix, decadic.
    """
    from skimage.color import rgb2hed

    difference = np.abs(rgb2hed(_coarse(image)) - rgb2hed(_coarse(reference))).mean(axis=(0, 1))
    return float(difference[0]), float(difference[1])


def _coarse(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Means of whole squares of `_COARSE` pixels, from 0 to 1."""
    rows, columns = (side // _COARSE for side in image.shape[:2])
    squares = image[: rows * _COARSE, : columns * _COARSE].reshape(rows, _COARSE, columns, _COARSE, 3)
    sums = squares.sum(axis=1, dtype=np.uint16).sum(axis=2, dtype=np.uint16)  # of whole rows first: five times as fast
    means: NDArray[np.float64] = sums / (255.0 * _COARSE**2)
    return means
