"""Gradients and blurs of pictures that wrap around."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
Spectrum = NDArray[np.complex64]


def gradients(image: Image) -> tuple[Image, Image]:
    """Differences to the next pixel below and to the right."""
    return np.roll(image, -1, 0) - image, np.roll(image, -1, 1) - image


def divergence(down: Image, right: Image) -> Image:
    """What is adjoint to `gradients`."""
    return np.roll(down, 1, 0) - down + np.roll(right, 1, 1) - right


def gradients_power(shape: tuple[int, ...]) -> Image:
    """Squared response of both gradients together, on the half grid of ``rfft2``."""
    from scipy import fft

    down = 2 - 2 * np.cos(2 * np.pi * fft.fftfreq(shape[0]))[:, np.newaxis]
    right = 2 - 2 * np.cos(2 * np.pi * fft.rfftfreq(shape[1]))
    power: Image = (down + right).astype(np.float32)
    return power


def placed(kernel: Image, shape: tuple[int, ...]) -> Spectrum:
    """Spectrum of a kernel whose middle is the origin."""
    from scipy import fft

    grid = np.zeros(shape, np.float32)
    grid[: kernel.shape[0], : kernel.shape[1]] = kernel
    spectrum: Spectrum = fft.rfft2(np.roll(grid, (-(kernel.shape[0] // 2), -(kernel.shape[1] // 2)), (0, 1)))
    return spectrum
