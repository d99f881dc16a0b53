"""Where the tissue is, found on a small picture of the slide."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.geometry import Region, Size

_BLACK = 12
"""Grey level up to which a pixel was not scanned at all, in every channel."""
_GLASS_FLOOR = 140.0
"""Grey level that empty glass reaches in every channel."""
_GLASS_CHROMA = 30.0
"""Largest difference of two channels of empty glass, in grey levels."""
_GLASS_SPREAD = 12.0
"""Half width in grey levels of the peak of empty glass."""
_DEFAULT_GLASS = (245.0, 245.0, 245.0)
_THRESHOLDS = (0.045, 0.08)
"""Optical densities (natural logarithm) that Otsu's threshold is held between: noise, vignetting and JPEG
stay below the first; pale stains lie above the second, however dark the rest of the slide is."""
_SPECK = 3
"""Largest patch in pixels of the small picture that is taken for dust."""


@dataclass(frozen=True, slots=True, eq=False)
class TissueMask:
    """Tissue of a slide at low resolution.

    Attributes
    ----------
    mask : ndarray of bool, shape (rows, columns)
        True where there is tissue.
    size : Size
        Extent in pixels of the slide that the mask covers.
    """

    mask: NDArray[np.bool_]
    size: Size
    _sums: NDArray[np.float64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        sums = np.zeros((self.mask.shape[0] + 1, self.mask.shape[1] + 1))
        sums[1:, 1:] = self.mask.cumsum(axis=0).cumsum(axis=1)
        object.__setattr__(self, "_sums", sums)

    @property
    def scale(self) -> tuple[float, float]:
        """Pixels of the slide along one pixel of the mask (y, x)."""
        rows, columns = self.mask.shape
        return self.size.height / rows, self.size.width / columns

    def fraction(self, region: Region) -> float:
        """Part of a region that is tissue; what lies beyond the slide does not count.

        Parameters
        ----------
        region
            Pixels of the slide.

        Returns
        -------
        float
            0 to 1; 0 for a region without pixels.
        """
        inside = region.intersection(Region.whole(self.size))
        if not inside.area:
            return 0.0
        sy, sx = self.scale
        y0, y1, x0, x1 = inside.y / sy, inside.y1 / sy, inside.x / sx, inside.x1 / sx
        tissue = self._sum_to(y1, x1) - self._sum_to(y0, x1) - self._sum_to(y1, x0) + self._sum_to(y0, x0)
        return min(1.0, max(0.0, tissue / ((y1 - y0) * (x1 - x0))))

    def _sum_to(self, y: float, x: float) -> float:
        """Tissue between the corner of the slide and a point, in pixels of the mask."""
        iy, ix = min(int(y), self.mask.shape[0] - 1), min(int(x), self.mask.shape[1] - 1)
        fy, fx = y - iy, x - ix
        (a, b), (c, d) = self._sums[iy : iy + 2, ix : ix + 2].tolist()
        return float((1 - fy) * ((1 - fx) * a + fx * b) + fy * ((1 - fx) * c + fx * d))


def full(size: Size) -> TissueMask:
    """Mask that takes all of a slide for tissue."""
    return TissueMask(np.ones((1, 1), dtype=np.bool_), size)


def tissue_mask(thumbnail: NDArray[np.uint8], size: Size) -> TissueMask:
    """Find stained tissue on a small picture of a slide.

    A pixel is tissue where its optical density against empty glass, in its most absorbing channel, exceeds
    Otsu's threshold held between two bounds; so a slide without tissue gives none, a field without glass
    gives all, and a few dark spots do not hide a pale section. Tissue wins in doubt: specks of dust go, small
    holes are filled and the mask grows by one pixel.

    Parameters
    ----------
    thumbnail
        RGB of shape (rows, columns, 3), some 4 to 64 µm per pixel.
    size
        Extent in pixels of the slide that the picture shows.

    Returns
    -------
    TissueMask
        Of the shape of the thumbnail.

    References
    ----------
    Otsu, "A threshold selection method from gray-level histograms", IEEE Trans. SMC 9 (1979).
    """
    from scipy import ndimage
    from skimage.filters import threshold_otsu

    scanned = np.asarray((thumbnail > _BLACK).any(axis=2), dtype=np.bool_)
    if not scanned.any():
        return TissueMask(np.zeros(scanned.shape, dtype=np.bool_), size)
    pixels = _smoothed(thumbnail, scanned)
    glass = _glass_colour(thumbnail, scanned)
    density = np.log((glass + 1) / (pixels + 1)).max(axis=2)
    low, high = _THRESHOLDS
    known = density[scanned]
    threshold = low
    if known.max() > low:
        otsu = threshold_otsu(np.clip(known, 0, 1))  # type: ignore[no-untyped-call]
        threshold = float(np.clip(otsu, low, high))
    mask = scanned & (density > threshold)
    mask = _without_specks(mask)
    mask = ndimage.binary_closing(np.pad(mask, 2, mode="edge"), iterations=2)[2:-2, 2:-2] | mask
    grown = ndimage.binary_dilation(mask, structure=np.ones((3, 3), dtype=np.bool_))
    return TissueMask(np.asarray(grown & scanned, dtype=np.bool_), size)


def _smoothed(thumbnail: NDArray[np.uint8], scanned: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Picture smoothed by a Gaussian of one pixel, without what was not scanned."""
    from scipy import ndimage

    weight = ndimage.gaussian_filter(scanned.astype(np.float64), 1.0, mode="nearest")
    filled = np.where(scanned[..., None], thumbnail, 0).astype(np.float64)
    sums = ndimage.gaussian_filter(filled, (1.0, 1.0, 0.0), mode="nearest")
    return np.asarray(sums / np.maximum(weight, 1e-6)[..., None], dtype=np.float64)


def _glass_colour(thumbnail: NDArray[np.uint8], scanned: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Colour of empty glass, shape (3,).

    Pure white may be what a scanner fills unscanned ground with: where there is a second, darker peak of
    neutral pixels beside it, that one is the glass.
    """
    white = (thumbnail == 255).all(axis=2)
    below_white = _neutral_peak(thumbnail[scanned & ~white])
    if below_white is not None:
        return below_white
    found = _neutral_peak(thumbnail[scanned])
    return np.asarray(_DEFAULT_GLASS) if found is None else found


def _neutral_peak(pixels: NDArray[np.uint8]) -> NDArray[np.float64] | None:
    """Median colour of the brightest pixels of a list (n, 3), if they are many and as neutral as glass."""
    if len(pixels) == 0:
        return None
    values = pixels.astype(np.float64)
    brightness = values.mean(axis=1)
    peak = values[np.abs(brightness - np.quantile(brightness, 0.99)) <= _GLASS_SPREAD]
    colour = np.asarray(np.median(peak, axis=0), dtype=np.float64)
    neutral = np.ptp(colour) <= _GLASS_CHROMA and colour.min() >= _GLASS_FLOOR
    return colour if neutral and len(peak) >= 0.02 * len(pixels) else None


def _without_specks(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mask without patches of at most `_SPECK` pixels."""
    from scipy import ndimage

    labels, count = ndimage.label(mask, structure=np.ones((3, 3)))
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    keep = areas > _SPECK
    keep[0] = False
    return np.asarray(keep[labels], dtype=np.bool_)
