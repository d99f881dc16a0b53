"""Richardson-Lucy iteration on both shots (Richardson 1972, Lucy 1974), in its form for several images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ITERATIONS = 10
_DARKEST = 1.0

Image = NDArray[np.float32]


class RichardsonLucy:
    """The most likely object behind two shots with photon noise, seen by the microscope in focus.

    From the mean of both, every iteration multiplies by the mean over shots of (yₖ / (x ⊗ hₖ)) ⊗ h̃ₖ. What an iteration
    can reach grows with it, but what comes from afar fades: beyond the halo it is less than a grey level.

    Parameters
    ----------
    kernels
        Shape (3, 3, size, size): for every channel the point-spread functions in focus, of the lower and of the upper
        shot.
    iterations
        Number of iterations.
    """

    name = "richardson_lucy"
    stride = 1
    batch = 1
    by_height = True
    checkpoint_sha256: str | None = None

    def __init__(self, kernels: NDArray[np.float32], iterations: int = ITERATIONS) -> None:
        self.halo = 4 * (kernels.shape[-1] // 2)
        self._kernels = kernels
        self._iterations = iterations

    def restore(self, sharper: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Restore a batch of tiles of shape (n, height, width, 3), the lower shot first; in grey levels."""
        result = np.empty(sharper.shape, np.float32)
        for number, pair in enumerate(zip(sharper, other, strict=True)):
            for channel in range(3):
                shots = [np.maximum(shot[..., channel].astype(np.float32), _DARKEST) for shot in pair]
                result[number, ..., channel] = self._object(shots, self._kernels[channel])
        return np.clip(result, 0, 255)

    def _object(self, shots: list[Image], kernels: NDArray[np.float32]) -> Image:
        from scipy import fft

        size, shape = kernels.shape[-1], shots[0].shape
        radius = size // 2
        padded: list[Image] = [np.pad(shot, radius, mode="symmetric") for shot in shots]
        fast = tuple(fft.next_fast_len(side, real=True) for side in padded[0].shape)
        placed = np.zeros((3, *fast), np.float32)
        placed[:, :size, :size] = kernels
        transfer = fft.rfft2(np.roll(placed, (-radius, -radius), (-2, -1)))
        inner = tuple(slice(0, side) for side in padded[0].shape)

        def blurred(image: Image, response: NDArray[np.complex64]) -> Image:
            seen: Image = fft.irfft2(fft.rfft2(image, s=fast) * response, s=fast)[inner]
            return seen

        image: Image = np.mean(padded, axis=0, dtype=np.float32)
        for _ in range(self._iterations):
            factors = []
            for shot, response in zip(padded, transfer[1:], strict=True):
                ratio: Image = np.divide(shot, np.maximum(blurred(image, response), _DARKEST), dtype=np.float32)
                factors.append(blurred(ratio, response.conj()))
            image = image * np.clip(np.mean(factors, axis=0, dtype=np.float32), 0.5, 2)
        return blurred(image, transfer[0])[radius : radius + shape[0], radius : radius + shape[1]]
