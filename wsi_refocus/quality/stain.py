"""How true the stains are: optical density of haematoxylin and eosin (Ruifrok and Johnston 2001)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


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
