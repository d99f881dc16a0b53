"""Fitting the optics to shots whose truth is known: what makes their inversion come nearest to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.optics.inversion import Regularisation, inversion_responses
from wsi_refocus.optics.profile import OpticsProfile
from wsi_refocus.optics.transfer import Microscope

Real = NDArray[np.float64]

CHANNEL = 1
"""Channel that is fitted: green, to which brightfield objectives are corrected."""
MARGIN = 32
_RADII = 64
_START = np.array([0.75, 1.0, 0.75, 0.0, 0.0, 0.3, np.log(0.4), np.log(0.1), np.log(0.1)])
_STEPS = np.array([-0.1, 0.15, 0.12, 0.1, 0.1, 0.4, 0.7, 0.7, 0.7])
_LOWEST = np.array([0.2, 0.4, 0.2, -1.0, -0.4, 0.0, -4.6, -4.6, -4.6])
_HIGHEST = np.array([0.95, 2.5, 1.0, 1.0, 0.4, 4.0, 1.5, 1.5, 0.0])


@dataclass(frozen=True, slots=True)
class Example:
    """Shots to fit to.

    Attributes
    ----------
    first, second, truth : ndarray of uint8, shape (height, width, 3)
        Aligned, and of the same brightness; all examples have one size.
    heights_um : tuple of float
        Heights of the shots over the truth, in µm as the stage says.
    """

    first: NDArray[np.uint8]
    second: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    heights_um: tuple[float, float]


def fit_optics(
    examples: Sequence[Example], mpp: float, steps: int, progress: Callable[[int], None] = lambda _: None
) -> OpticsProfile:
    """Find the optics whose inversion of the examples has the largest average PSNR.

    Nine numbers are sought by the simplex method of Nelder and Mead: numerical aperture, stage scale, condenser ratio,
    focus offset, spherical aberration, thickness and the three weights of the regularisation. Several of them pull
    at the same frequencies, so that what comes out is an effective description and not a measurement of each.

    Parameters
    ----------
    examples
        Shots and their truth.
    mpp
        µm per pixel.
    steps
        Most evaluations.
    progress
        Called with 1 for each of them.
    """
    from scipy import fft
    from scipy.optimize import minimize

    shape = tuple(side + 2 * MARGIN for side in examples[0].truth.shape[:2])
    frequency = np.hypot(fft.fftfreq(shape[0], mpp)[:, np.newaxis], fft.rfftfreq(shape[1], mpp))
    radii = np.linspace(0, float(frequency.max()), _RADII)
    spectra = [[fft.rfft2(_density(shot)) for shot in (each.first, each.second)] for each in examples]

    def loss(numbers: Real) -> float:
        progress(1)
        inside = np.clip(numbers, _LOWEST, _HIGHEST)
        profile = _profile(inside)
        errors = []
        for example, pair in zip(examples, spectra, strict=True):
            heights = profile.heights(*example.heights_um)
            responses = inversion_responses(profile.optics, CHANNEL, [heights], radii, profile.regularisation)[0]
            first, second = (np.interp(frequency, radii, each) for each in responses)
            mixed = first * pair[0] + second * pair[1]
            image = 256 * np.exp(-fft.irfft2(mixed, s=shape)[MARGIN:-MARGIN, MARGIN:-MARGIN]) - 1
            errors.append(np.mean((np.clip(image, 0, 255) - example.truth[..., CHANNEL]) ** 2))
        return float(np.mean(10 * np.log10(errors))) + 10 * float(np.abs(numbers - inside).sum())

    simplex = _START + np.vstack([np.zeros(len(_START)), np.diag(_STEPS)])
    found = minimize(loss, _START, method="Nelder-Mead", options={"maxfev": steps, "initial_simplex": simplex})
    return _profile(np.clip(found.x, _LOWEST, _HIGHEST))


def _profile(numbers: Real) -> OpticsProfile:
    aperture, scale, ratio, offset, spherical, thickness = (float(each) for each in numbers[:6])
    optics = Microscope(aperture, ratio, spherical_waves=spherical, thickness_um=thickness)
    return OpticsProfile(optics, Regularisation(*(float(each) for each in np.exp(numbers[6:]))), scale, offset)


def _density(shot: NDArray[np.uint8]) -> Real:
    grey = np.pad(shot[..., CHANNEL].astype(np.float64), MARGIN, mode="reflect")
    density: Real = -np.log((grey + 1) / 256)
    return density
