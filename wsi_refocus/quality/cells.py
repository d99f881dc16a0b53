"""Counting cells as the paper does: grey, contrast, threshold and particles, the steps of ImageJ."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WHITE = 180
"""Grey level that the contrast is stretched to. Glass is above it, so the threshold is sought within the tissue."""
SMALLEST_UM2 = 10.0
"""Area in µm² from which a dark particle counts as a cell: a nucleus of 3.6 µm."""
LARGEST_UM2 = 400.0
"""Area in µm² up to which it does: a nucleus of 23 µm, or a few that touch."""

_LEVELS = 256
_CHANNELS = 3

Levels = NDArray[np.uint8]


def count_cells(image: NDArray[np.uint8], mpp: float) -> int:
    """Number of dark particles of the size of nuclei.

    Nuclei that touch are one particle, as in ImageJ; particles that touch the border of the image count.

    Parameters
    ----------
    image
        RGB of shape (height, width, 3).
    mpp
        µm per pixel.

    Raises
    ------
    ValueError
        If the image is no 8-bit RGB, or the size of a pixel is not positive.

    References
    ----------
    Li et al., "Rapid whole slide imaging via dual-shot deep autofocusing" (2020), Table II: "gray processing; adjusting
    brightness and contrast; thresholding; analysis of cell counting". What its settings were, it does not say.
    """
    return len(cell_areas(image, mpp))


def cell_areas(image: NDArray[np.uint8], mpp: float) -> NDArray[np.float64]:
    """Areas of the particles that `count_cells` counts, in µm².

    Pixels at or below the threshold belong to particles, and pixels that touch at a corner to the same one. Holes
    do not count as area.

    Parameters
    ----------
    image
        RGB of shape (height, width, 3).
    mpp
        µm per pixel.

    Returns
    -------
    ndarray of shape (cells,)
        From `SMALLEST_UM2` to `LARGEST_UM2`.

    Raises
    ------
    ValueError
        If the image is no 8-bit RGB, or the size of a pixel is not positive.
    """
    from skimage.measure import label

    if not mpp > 0:
        raise ValueError(f"a pixel of {mpp} µm has no size")
    levels = stretched_grey(image)
    particles = label(levels <= threshold_of(levels), connectivity=2)  # type: ignore[no-untyped-call]
    pixels = np.bincount(particles.ravel())[1:].astype(np.float64)
    areas: NDArray[np.float64] = np.multiply(pixels, mpp**2, dtype=np.float64)
    return areas[(areas >= SMALLEST_UM2) & (areas <= LARGEST_UM2)]


def stretched_grey(image: NDArray[np.uint8]) -> Levels:
    """Grey as ImageJ's "8-bit" makes it, the mean of the channels, with 0 to `WHITE` stretched over all levels.

    Parameters
    ----------
    image
        RGB of shape (height, width, 3).

    Returns
    -------
    ndarray of uint8, shape (height, width)
        255 from `WHITE` on.

    Raises
    ------
    ValueError
        If the image is no 8-bit RGB.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != _CHANNELS:
        raise ValueError(f"{image.dtype} of shape {image.shape} is no 8-bit RGB")
    grey = (image.sum(axis=2, dtype=np.uint16) + 1) // _CHANNELS  # rounded to the nearest
    levels: Levels = np.minimum(grey.astype(np.uint32) * _LEVELS // WHITE, _LEVELS - 1).astype(np.uint8)
    return levels


def threshold_of(levels: Levels) -> int:
    """Highest level of what is dark, by ImageJ's "Default" method, a variant of IsoData.

    It is the lowest level that lies in the middle between the means of what is below and of what is above it. The
    levels 0 and 255, which saturation fills, do not take part, and a single level that stands out is cut.

    Parameters
    ----------
    levels
        Grey levels, of any shape.

    Returns
    -------
    int
        128 where there are not two levels to tell apart.

    References
    ----------
    Ridler and Calvard, "Picture thresholding using an iterative selection method", IEEE Trans. SMC 8 (1978); the
    variant as ImageJ 1.53t has it.
    """
    counts = np.bincount(levels.ravel(), minlength=_LEVELS).astype(np.float64)
    second, first = np.sort(counts)[-2:]
    if second and first > 2 * second:
        counts[counts.argmax()] = np.floor(1.5 * second)
    counts[[0, -1]] = 0
    filled = np.flatnonzero(counts)
    if len(filled) < 2:
        return _LEVELS // 2
    lowest, highest = int(filled[0]), int(filled[-1])
    splits = np.arange(lowest, max(highest - 1, lowest + 1))
    number, total = np.cumsum(counts), np.cumsum(counts * np.arange(_LEVELS))
    below = total[splits] / number[splits]
    above = (total[-1] - total[splits]) / (number[-1] - number[splits])
    middles = (below + above) / 2
    found = np.flatnonzero(splits + 2 > middles)  # ImageJ has moved on by one when it compares
    return int(middles[found[0] if len(found) else -1] + 0.5)
