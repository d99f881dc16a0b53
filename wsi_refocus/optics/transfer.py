"""Transfer functions of a brightfield microscope under partially coherent light, for weak objects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]

_SOURCE_RINGS = 12
_SOURCE_SPOKES = 16


@dataclass(frozen=True, slots=True)
class Microscope:
    """Optics of a scanner.

    Attributes
    ----------
    numerical_aperture : float
        Of the objective, in air.
    condenser_ratio : float
        Numerical aperture of the illumination over that of the objective, 0 to 1.
    wavelengths_um : tuple of float
        Of red, green and blue light, in µm.
    spherical_waves : float
        Primary spherical aberration at the edge of the pupil, in wavelengths.
    axial_colour_um : tuple of float
        Focus of red, green and blue against the stage's, in µm.
    thickness_um : float
        Thickness of the section in µm of stage travel; the transfer is averaged over it.
    """

    numerical_aperture: float = 0.75
    condenser_ratio: float = 0.7
    wavelengths_um: tuple[float, float, float] = (0.62, 0.54, 0.46)
    spherical_waves: float = 0.0
    axial_colour_um: tuple[float, float, float] = (0.0, 0.0, 0.0)
    thickness_um: float = 0.0


@dataclass(frozen=True, slots=True)
class Transfer:
    """Transfer at a list of spatial frequencies.

    Attributes
    ----------
    absorption : ndarray of float64
        From optical density (natural logarithm) to negative log-intensity; 1 at frequency 0.
    phase : ndarray of float64
        From phase in radians to log-intensity; 0 at frequency 0.
    """

    absorption: Real
    phase: Real


def weak_object_transfer(optics: Microscope, channel: int, z_um: float, frequency: Real) -> Transfer:
    """Transfer of absorption and phase, averaged over the thickness of the section.

    For an object t = 1 − a + iφ with small a and φ, the image's spectrum is linear in both: with
    C(f) = ∫ S(s) P(s + f) P*(s) ds over the source S and the pupil P with its defocus, and B = C(0), the
    transfer of 2a is (C(f) + C*(−f)) / 2B, and that of φ is i (C(f) − C*(−f)) / B (Streibl, J. Opt. Soc. Am. A 2,
    121, 1985). Source and pupil are round, so both depend on the length of f alone. The integral is an Abbe
    sum over points of the source.

    Parameters
    ----------
    optics
        The microscope.
    channel
        0 for red, 1 for green, 2 for blue.
    z_um
        Height of the focal plane above the middle of the section, in µm of stage travel in air.
    frequency
        Spatial frequencies in cycles per µm, shape (n,).

    Returns
    -------
    Transfer
        Each of shape (n,).
    """
    count = 1 if optics.thickness_um == 0 else 5
    depths = (np.arange(count) - (count - 1) / 2) / count * optics.thickness_um
    slices = [_thin(optics, channel, z_um - depth, frequency) for depth in depths]
    return Transfer(
        np.mean([each.absorption for each in slices], axis=0),
        np.mean([each.phase for each in slices], axis=0),
    )


def _thin(optics: Microscope, channel: int, z_um: float, frequency: Real) -> Transfer:
    wavelength = optics.wavelengths_um[channel]
    z_um = z_um - optics.axial_colour_um[channel]
    edge = optics.numerical_aperture / wavelength
    sx, sy, weight = _source(optics.condenser_ratio * edge)

    def pupil(x: Real, y: Real) -> NDArray[np.complex128]:
        squared = x**2 + y**2
        axial = np.sqrt(np.maximum(wavelength**-2 - squared, 0)) - 1 / wavelength
        aberration = optics.spherical_waves * (squared / edge**2) ** 2
        inside: NDArray[np.complex128] = (squared <= edge**2) * np.exp(2j * np.pi * (z_um * axial + aberration))
        return inside

    at_source = pupil(sx, sy)
    shifted = pupil(sx + frequency[:, np.newaxis], sy)
    opposite = pupil(sx - frequency[:, np.newaxis], sy)
    ahead = (weight * shifted * at_source.conj()).sum(axis=1)
    behind = (weight * opposite * at_source.conj()).sum(axis=1).conj()
    background = float((weight * np.abs(at_source) ** 2).sum())
    return Transfer(((ahead + behind) / (2 * background)).real, (1j * (ahead - behind) / background).real)


def _source(radius: float) -> tuple[Real, Real, Real]:
    """Points of half a disc in rings, and the area that each stands for; the other half adds the same again."""
    if radius == 0:
        return np.zeros(1), np.zeros(1), np.ones(1)
    ring = (np.arange(_SOURCE_RINGS) + 0.5) / _SOURCE_RINGS * radius
    spoke = (np.arange(_SOURCE_SPOKES) + 0.5) / _SOURCE_SPOKES * np.pi
    distance, angle = (each.ravel() for each in np.meshgrid(ring, spoke, indexing="ij"))
    return distance * np.cos(angle), distance * np.sin(angle), distance
