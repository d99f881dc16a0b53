"""Density and phase from two shots: at every spatial frequency two equations for two unknowns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.optics.transfer import Microscope, weak_object_transfer

Real = NDArray[np.float64]
Unknown = Literal["density", "phase"]

EDGE = 96
"""Edge in pixels of the square that kernels are computed on."""
RADIUS = 32
"""Pixels beyond which kernels are zero; they fade from 5/8 of it."""
_RADII = 64


@dataclass(frozen=True, slots=True)
class Regularisation:
    """What decides where two shots say little.

    Attributes
    ----------
    density : float
        Weight of the wish that the density be the mean of those of both shots.
    phase : float
        Weight of the wish that there be no phase.
    floor : float
        Transfer in focus below which it is not undone.
    """

    density: float = 0.4
    phase: float = 0.1
    floor: float = 0.1


def inversion_kernels(
    optics: Microscope,
    mpp: float,
    heights_um: Sequence[tuple[float, float]],
    regularisation: Regularisation | None = None,
    unknown: Unknown = "density",
) -> NDArray[np.float32]:
    """Kernels that give the density in focus, or the phase, from the densities of two shots.

    In the weak-object model a shot at height z has the density L = R(z) D − P(z) φ, with D the density as
    the microscope shows it in focus, φ the phase, R(z) = Hₐ(z) Hₐ(0) / (Hₐ(0)² + floor²) and P the phase's
    transfer. At every frequency D and φ minimise

        Σ |Lₖ − R(zₖ) D + P(zₖ) φ|² + density · |D − (L₁ + L₂) / 2|² + phase · |φ|²,

    which is linear in L₁ and L₂: two kernels, whose sum is 1 for the density and 0 for the phase. They are cut off
    smoothly at `RADIUS`, so that a pixel of the result depends on its surroundings only.

    Parameters
    ----------
    optics
        The microscope.
    mpp
        µm per pixel.
    heights_um
        Heights of the two shots above the section, in µm of stage travel: one pair a candidate.
    regularisation
        Weights of what is wished for.
    unknown
        Which of the two is made, in units of optical density (natural logarithm) or in radians.

    Returns
    -------
    ndarray of shape (candidates, 3, 2, EDGE, EDGE)
        Kernels for the three channels and both shots, with their origin in the first element.
    """
    frequency = np.hypot(np.fft.fftfreq(EDGE, mpp)[:, np.newaxis], np.fft.rfftfreq(EDGE, mpp))
    radii = np.linspace(0, float(frequency.max()), _RADII)
    window = fading_window()
    kernels = np.empty((len(heights_um), 3, 2, EDGE, EDGE))
    for channel in range(3):
        for number, pair in enumerate(inversion_responses(optics, channel, heights_um, radii, regularisation, unknown)):
            for shot, response in enumerate(pair):
                kernel = np.fft.irfft2(np.interp(frequency, radii, response), s=(EDGE, EDGE))
                kernels[number, channel, shot] = kernel * window
    if unknown == "density":
        kernels /= kernels.sum(axis=(2, 3, 4), keepdims=True)
    else:
        kernels -= kernels.sum(axis=(3, 4), keepdims=True) * (window / window.sum())
    return kernels.astype(np.float32)


def inversion_responses(
    optics: Microscope,
    channel: int,
    heights_um: Sequence[tuple[float, float]],
    frequency: Real,
    regularisation: Regularisation | None = None,
    unknown: Unknown = "density",
) -> list[tuple[Real, Real]]:
    """Frequency responses of the kernels of `inversion_kernels`, before they are cut off.

    Parameters
    ----------
    optics, heights_um, regularisation, unknown
        As for `inversion_kernels`.
    channel
        0 for red, 1 for green, 2 for blue.
    frequency
        Spatial frequencies in cycles per µm, shape (n,).

    Returns
    -------
    list of tuple of ndarray of shape (n,)
        For every candidate the responses for the first and for the second shot.
    """
    weights = regularisation or Regularisation()
    in_focus = weak_object_transfer(optics, channel, 0.0, frequency).absorption
    undone = in_focus / (in_focus**2 + weights.floor**2)
    result = []
    for heights in heights_um:
        transfers = [weak_object_transfer(optics, channel, z, frequency) for z in heights]
        ratios = [each.absorption * undone for each in transfers]
        result.append(_least_squares(ratios, [each.phase for each in transfers], weights, unknown))
    return result


def _least_squares(
    ratios: list[Real], phases: list[Real], weights: Regularisation, unknown: Unknown
) -> tuple[Real, Real]:
    """What the unknown takes of each shot: its row of the solution of the 2 × 2 normal equations."""
    density = ratios[0] ** 2 + ratios[1] ** 2 + weights.density
    mixed = -(ratios[0] * phases[0] + ratios[1] * phases[1])
    phase = phases[0] ** 2 + phases[1] ** 2 + weights.phase
    determinant = density * phase - mixed**2
    if unknown == "phase":
        first, second = (
            -(density * shift + mixed * (ratio + weights.density / 2)) / determinant
            for ratio, shift in zip(ratios, phases, strict=True)
        )
        return first, second
    first, second = (
        (phase * (ratio + weights.density / 2) + mixed * shift) / determinant
        for ratio, shift in zip(ratios, phases, strict=True)
    )
    return first, second


def fading_window() -> Real:
    """1 up to 5/8 of `RADIUS`, and from there a cosine down to 0."""
    offset = np.fft.fftfreq(EDGE, 1 / EDGE)
    distance = np.hypot(offset[:, np.newaxis], offset)
    inner = 5 / 8 * RADIUS
    faded: Real = np.cos(np.pi * np.clip((distance - inner) / (RADIUS - inner), 0, 1))
    return (1 + faded) / 2
