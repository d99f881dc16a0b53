"""Whether two files show the same tissue."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.errors import PlanePairError
from wsi_refocus.slide.source import SlideSource
from wsi_refocus.slide.thumbnail import thumbnail

MIN_CORRELATION = 0.35
"""Two defocused shots of one slide reach 0.8 and more, two places of one slide about 0.1."""
_DETAIL = 6.0
_LARGEST_SHIFT = 1 / 8
_BLANK = 0.75


def require_same_tissue(source: SlideSource) -> None:
    """Refuse two files that show different places; a slide of one file passes.

    The detail of two small pictures is compared at the shift that suits them best.

    Parameters
    ----------
    source
        The open slide.

    Raises
    ------
    PlanePairError
        If the two files show different tissue, or only one of them shows any.
    CorruptRegionError
        If pixels cannot be decoded.
    """
    if len(source.info.paths) != 2:
        return
    one, other = source.info.paths
    details = [_detail(thumbnail(source, plane)) for plane in (0, 1)]
    blank = [float(detail.std()) < _BLANK for detail in details]
    if all(blank):
        return
    if any(blank):
        empty, full = (one, other) if blank[0] else (other, one)
        raise PlanePairError(f"{empty}: shows no tissue, but {full} does; give two scans of the same slide")
    found = best_correlation(*details)
    if found < MIN_CORRELATION:
        raise PlanePairError(
            f"{other}: shows other tissue than {one} (correlation {found:.2f}); give two scans of the same slide"
        )


def best_correlation(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Correlation coefficient of two pictures at the shift, up to an eighth of their size, that suits them best.

    Parameters
    ----------
    first, second
        Pictures without their mean, of the same shape (height, width).

    Returns
    -------
    float
        Between -1 and 1.
    """
    from scipy.fft import irfft2, rfft2

    height, width = first.shape
    padded = (2 * height, 2 * width)
    product = irfft2(np.conj(rfft2(first, padded)) * rfft2(second, padded), padded)
    reach = (max(1, int(height * _LARGEST_SHIFT)), max(1, int(width * _LARGEST_SHIFT)))
    near = np.roll(product, reach, (0, 1))[: 2 * reach[0] + 1, : 2 * reach[1] + 1]
    norm = float(np.sqrt(np.sum(first**2, dtype=np.float64) * np.sum(second**2, dtype=np.float64)))
    return float(near.max()) / norm if norm > 0 else 0.0


def _detail(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Luminance without its slow course: that of two pieces of tissue in the middle of two slides agrees."""
    from scipy.ndimage import gaussian_filter

    luminance = picture.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    smooth = gaussian_filter(luminance, 0.7)
    detail: NDArray[np.float32] = smooth - gaussian_filter(luminance, _DETAIL)
    detail -= detail.mean()
    return detail
