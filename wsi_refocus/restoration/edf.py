"""Extended depth of field by wavelets: of every detail that of the shot where it is stronger (Forster et al. 2004)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEVELS = 4
_SPLINE = np.array([1, 4, 6, 4, 1], np.float32) / 16

Image = NDArray[np.float32]


class WaveletFusion:
    """Fuses shots in an undecimated wavelet transform with a cubic B-spline (à trous).

    On every level, and for all colours alike, the shot whose detail is stronger in the 3 × 3 pixels around wins, after
    a majority vote of its neighbours; the coarsest image is the mean of both.
    """

    name = "edf"
    stride = 1
    halo = 2 * (2**LEVELS - 1) + 2 * 2**LEVELS
    batch = 1
    by_height = False
    checkpoint_sha256: str | None = None

    def restore(self, sharper: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Fuse a batch of tiles of shape (n, height, width, 3); in grey levels."""
        fused = [self._fused(first, second) for first, second in zip(sharper, other, strict=True)]
        return np.clip(np.stack(fused), 0, 255)

    def _fused(self, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> Image:
        from scipy.ndimage import uniform_filter

        coarse = [first.astype(np.float32), second.astype(np.float32)]
        fused = np.zeros(first.shape, np.float32)
        for level in range(LEVELS):
            finer, coarse = coarse, [_smoothed(image, 2**level) for image in coarse]
            details = [fine - smooth for fine, smooth in zip(finer, coarse, strict=True)]
            strength = [uniform_filter(np.abs(each).sum(axis=2), 3, mode="nearest") for each in details]
            wins = (strength[0] >= strength[1]).astype(np.float32)
            voted = uniform_filter(wins, 3, mode="nearest")[..., np.newaxis] > 0.5
            fused += np.where(voted, *details)
        fused += (coarse[0] + coarse[1]) / 2
        return fused


def _smoothed(image: Image, spacing: int) -> Image:
    """Image smoothed by the spline whose taps are ``spacing`` pixels apart."""
    from scipy.ndimage import convolve1d

    taps = np.zeros(4 * spacing + 1, np.float32)
    taps[::spacing] = _SPLINE
    smooth: Image = convolve1d(convolve1d(image, taps, axis=0, mode="nearest"), taps, axis=1, mode="nearest")
    return smooth
