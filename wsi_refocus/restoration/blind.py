"""Blind deblurring of one shot: the blur is found from coarse to fine by means of a prior, and then undone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wsi_refocus.restoration.periodic import Image, Spectrum, gradients, gradients_power, placed

KERNEL = 17
"""Edge in pixels of the blur that is looked for."""
_PAD = 32
_ROUNDS = 4
_COARSER = 2**0.5
_SMALLEST_KERNEL = 5
_SMOOTH_KERNEL = 5e-2
_FAINTEST = 0.05
_SMOOTH_IMAGE = 4e-3

Step = Callable[[Image, Spectrum, Image], Image]
"""Makes a picture with clear edges of a blurred one, the spectrum of its blur, and the last such picture."""


def find_blur(grey: Image, step: Step, size: int = KERNEL) -> Image:
    """Find the blur of a picture from coarse to fine.

    On every scale, the prior makes a picture with clear edges, and the blur is what makes the gradients of the shot of
    those of that picture, by least squares (Cho and Lee 2009).

    Parameters
    ----------
    grey
        Shape (height, width), from 0 to 1.
    step
        The prior.
    size
        Edge of the blur in pixels; odd.

    Returns
    -------
    ndarray of float32, shape (size, size)
        Its sum is 1, its centre of mass in the middle.
    """
    sizes = [size]
    while sizes[-1] > _SMALLEST_KERNEL:
        sizes.append(max(_SMALLEST_KERNEL, int(sizes[-1] / _COARSER) // 2 * 2 + 1))
    kernel = np.zeros((_SMALLEST_KERNEL, _SMALLEST_KERNEL), np.float32)
    kernel[_SMALLEST_KERNEL // 2, _SMALLEST_KERNEL // 2] = 1
    clear: Image | None = None
    for edge in reversed(sizes):
        shape = (max(16, round(grey.shape[0] * edge / size)), max(16, round(grey.shape[1] * edge / size)))
        blurred = np.pad(_resized(grey, shape), _PAD, mode="symmetric")
        kernel = _normalised(_resized(kernel, (edge, edge)))
        clear = blurred if clear is None else _resized(clear, blurred.shape)
        for _ in range(_ROUNDS):
            clear = step(blurred, placed(kernel, blurred.shape), clear)
            kernel = _blur_between(clear, blurred, edge)
    return kernel


def undone(image: Image, kernel: Image) -> Image:
    """Undo a known blur by least squares with smooth gradients."""
    from scipy import fft

    padded = np.pad(image, _PAD, mode="symmetric")
    response = placed(kernel, padded.shape)
    power = np.abs(response) ** 2 + _SMOOTH_IMAGE * gradients_power(padded.shape)
    restored: Image = fft.irfft2(response.conj() * fft.rfft2(padded) / power, s=padded.shape)
    return restored[_PAD:-_PAD, _PAD:-_PAD]


def _blur_between(clear: Image, blurred: Image, edge: int) -> Image:
    from scipy import fft

    above: Spectrum = np.zeros(1, np.complex64)
    below: Image = np.zeros(1, np.float32)
    for before, after in zip(gradients(clear), gradients(blurred), strict=True):
        source = fft.rfft2(before)
        above = above + source.conj() * fft.rfft2(after)
        below = below + np.abs(source) ** 2
    kernel = fft.irfft2(above / (below + _SMOOTH_KERNEL * np.mean(below)), s=clear.shape)
    half = edge // 2
    return _normalised(np.roll(kernel, (half, half), (0, 1))[:edge, :edge].astype(np.float32))


def _normalised(kernel: Image) -> Image:
    """Faint and negative parts taken away, the sum 1 and the centre of mass in the middle."""
    from scipy.ndimage import center_of_mass, shift

    kernel = np.where(kernel < _FAINTEST * kernel.max(), 0, kernel)
    middle = (len(kernel) - 1) / 2
    moved: Image = shift(kernel, [middle - each for each in center_of_mass(kernel)], order=1)
    positive = np.maximum(moved, 0)
    centred: Image = positive / positive.sum()
    return centred


def _resized(image: Image, shape: tuple[int, ...]) -> Image:
    from skimage.transform import resize

    resized: Image = resize(image, shape, order=1, anti_aliasing=image.shape > shape).astype(np.float32)  # type: ignore[no-untyped-call]
    return resized
