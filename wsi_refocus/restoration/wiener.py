"""Wiener filter of both shots: one linear filter for each, added up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Wiener:
    """Filters the lower and the upper shot and adds them up.

    Parameters
    ----------
    kernels
        Shape (3, 2, edge, edge) for the three channels and both shots, origin in the first element, zero beyond a
        quarter of the edge or so: what is farther than a third of it is not looked at.
    """

    name = "wiener"
    stride = 1
    batch = 1
    by_height = True
    checkpoint_sha256: str | None = None

    def __init__(self, kernels: NDArray[np.float32]) -> None:
        self.halo = kernels.shape[-1] // 3
        self._kernels = kernels

    def restore(self, sharper: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Filter a batch of tiles of shape (n, height, width, 3), the lower shot first; in grey levels."""
        from scipy import fft

        size = sharper.shape[1], sharper.shape[2]
        fast = tuple(fft.next_fast_len(side + 2 * self.halo, real=True) for side in size)
        edge = self._kernels.shape[-1]
        position = (np.arange(edge) + edge // 2) % edge - edge // 2
        placed = np.zeros((3, 2, *fast), np.float32)
        placed[:, :, (position % fast[0])[:, np.newaxis], position % fast[1]] = self._kernels
        response = fft.rfft2(placed)
        result = np.empty(sharper.shape, np.float32)
        for number, pair in enumerate(zip(sharper, other, strict=True)):
            for channel in range(3):
                mixed = sum(
                    fft.rfft2(shot[..., channel].astype(np.float32), s=fast) * response[channel, index]
                    for index, shot in enumerate(pair)
                )
                result[number, ..., channel] = fft.irfft2(mixed, s=fast)[: size[0], : size[1]]
        return np.clip(result, 0, 255)
