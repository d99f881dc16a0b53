"""The reweighted graph total variation of Bai et al. (IEEE TIP 2018): a skeleton, smooth but for edges."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wsi_refocus.restoration.periodic import Image, Spectrum, divergence, gradients

_WEIGHT = 8e-3
_SIMILAR = 0.1
_SMALLEST = 1e-2
_REWEIGHTED = 3
_CONJUGATE = 12


def graph_step(blurred: Image, response: Spectrum, clear: Image) -> Image:
    """Make the skeleton of a picture: piecewise smooth, and the shot once it is blurred.

    min ½ ‖x ⊗ k − b‖² + β Σ wᵢⱼ(x) |xᵢ − xⱼ| over neighbours i, j with wᵢⱼ = exp(−(xᵢ − xⱼ)² / σ²): differences are
    made either none or large. As in the paper, |d| is written as d² / |d| with the last picture's differences, so that
    every round is a linear system with a graph's Laplacian, solved by conjugate gradients.

    Parameters
    ----------
    blurred
        The shot, shape (height, width), from 0 to 1.
    response
        Spectrum of the blur.
    clear
        The picture of the last round.

    Returns
    -------
    ndarray of float32, shape (height, width)
        The skeleton.
    """
    from scipy import fft

    def through(image: Image, spectrum: Spectrum) -> Image:
        seen: Image = fft.irfft2(fft.rfft2(image) * spectrum, s=image.shape)
        return seen

    power = (np.abs(response) ** 2).astype(np.complex64)
    wanted = through(blurred, response.conj())
    for _ in range(_REWEIGHTED):
        weights = [
            _WEIGHT * np.exp(-((each / _SIMILAR) ** 2)) / np.maximum(np.abs(each), _SMALLEST)
            for each in gradients(clear)
        ]

        def system(image: Image, weights: list[Image] = weights) -> Image:
            down, right = gradients(image)
            return through(image, power) + divergence(weights[0] * down, weights[1] * right)

        clear = _solved(system, wanted, clear)
    return clear


def _solved(system: Callable[[Image], Image], wanted: Image, start: Image) -> Image:
    """A few steps of conjugate gradients."""
    image = start.copy()
    rest = wanted - system(image)
    direction, length = rest.copy(), float((rest**2).sum())
    for _ in range(_CONJUGATE):
        if length < 1e-10:
            break
        moved = system(direction)
        share = np.float32(length / float((direction * moved).sum()))
        image += share * direction
        rest -= share * moved
        shorter = float((rest**2).sum())
        direction = rest + np.float32(shorter / length) * direction
        length = shorter
    return image
