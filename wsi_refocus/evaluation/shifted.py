"""Cases of a scanner and a laboratory that lie outside of what the bundled networks were trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.evaluation.case import Case, Pixels
from wsi_refocus.evaluation.simulated import FADE, FIELD, MARGIN, Drifts, case_of, drawn_drift
from wsi_refocus.optics.scanner import Acquisition, draw_acquisition, scan
from wsi_refocus.optics.specimen import GLASS, Specimen, draw_section, faded, smooth_noise
from wsi_refocus.optics.transfer import Microscope
from wsi_refocus.training.manifest import Entry, random_part

STRONG_PHASE = 0.5
"""Share of the cases of strong phase, imaged by Abbe's method."""
RESTAINED = 0.75
"""Share of the cases whose stains are shifted."""
NOISIER = 0.6
"""Share of the cases with a worse camera and stronger compression."""

_TISSUE_DENSITY = 0.08
_DENSEST = 3.0
_COARSEST_OF_STRONG_MPP = 0.35
_RINGS = 64


def shifted_case(
    entries: Sequence[Entry],
    number: int,
    seed: int = 0,
    spread_um: float = 1.0,
    drifts: Drifts = "occurring",
    offset_um: float = 0.75,
) -> Case:
    """Simulate one case of a shifted scanner; images are taken in turns.

    Parameters
    ----------
    entries
        Images.
    number
        Which of the cases; each has a seed of its own.
    seed
        Seed of everything random.
    spread_um
        Standard deviation of the drift, where it is drawn as it occurs.
    drifts
        ``occurring``: from N(0, spread). ``uniform``: evenly from ±3 µm, so that large ones are as many as small ones.
    offset_um
        ΔD.

    Returns
    -------
    Case
        Of `FIELD` × `FIELD` pixels.
    """
    entry = entries[number % len(entries)]
    generator = np.random.default_rng([seed, number, 1])  # 1: not the chance of `simulated_case`
    drift = drawn_drift(generator, spread_um if drifts == "occurring" else None)
    part = random_part(entry.read(), FIELD + 2 * MARGIN, generator)
    if generator.random() < RESTAINED:
        part = restained(part, generator)
    acquisition = replace(draw_shifted(generator, entry.mpp), defocus_offset_um=offset_um, drift_um=drift)
    section = draw_shifted_section(part, entry.mpp, generator, strong=acquisition.model == "abbe")
    shots = scan(faded(section, FADE), entry.mpp, acquisition, generator, MARGIN)
    return case_of(entry, shots, offset_um, drift)


def draw_shifted(generator: np.random.Generator, mpp: float) -> Acquisition:
    """Draw an acquisition outside of the ranges of `draw_acquisition`; its stage and its unevenness are as there.

    The optics always are: NA 0.45-0.53 or 0.9-0.95; condenser ratio 0.2-0.37 or, in one of four, 0.97-1; spherical
    aberration ±0.2-0.3 λ, focused to the least error of the wavefront in green; axial colour of 0.35-0.6 µm, red and
    blue mostly on opposite sides. In half of the cases Abbe's method images a thin section, in the others the
    weak-object model one of 0-4 µm. Of the cameras, `NOISIER` have 1,500-5,000 electrons, read noise 0.7-1.5, JPEG
    quality 60-75 and 200-222 grey levels for empty glass.

    Parameters
    ----------
    generator
        Source of chance.
    mpp
        µm per pixel; above 0.35 the strong phase is seen with the low aperture only, as Abbe's method takes many
        seconds for the wide band of the high one.
    """

    def uniform(low: float, high: float) -> float:
        return float(generator.uniform(low, high))

    def sign() -> float:
        return float(generator.choice((-1.0, 1.0)))

    drawn = draw_acquisition(generator)
    strong = bool(generator.random() < STRONG_PHASE)
    low = generator.random() < 0.5 or (strong and mpp > _COARSEST_OF_STRONG_MPP)
    aperture = uniform(0.45, 0.53) if low else uniform(0.9, 0.95)
    spherical = sign() * uniform(0.2, 0.3)
    green = drawn.optics.wavelengths_um[1]
    middle = -focus_of_least_error(aperture, spherical, green)
    side = sign()
    red, blue = side * uniform(0.35, 0.6), -side * uniform(0.35, 0.6) * (1 if generator.random() < 0.8 else -1)
    optics = Microscope(
        numerical_aperture=aperture,
        condenser_ratio=uniform(0.97, 1.0) if generator.random() < 0.25 else uniform(0.2, 0.37),
        spherical_waves=spherical,
        axial_colour_um=(middle + red, middle, middle + blue),
        thickness_um=0.0 if strong else uniform(0, 4),
    )
    shifted = replace(drawn, optics=optics, model="weak")
    if strong:  # Abbe's method takes long for every height
        shifted = replace(shifted, model="abbe", tilt_um=(0.0, 0.0), topography_um=0.0)
    if generator.random() >= NOISIER:
        return shifted
    return replace(
        shifted,
        electrons=float(np.exp(uniform(np.log(1.5e3), np.log(5e3)))),
        read_noise=uniform(0.7, 1.5),
        jpeg_quality=int(generator.integers(60, 76)),
        brightness=uniform(200, 222),
    )


def focus_of_least_error(numerical_aperture: float, spherical_waves: float, wavelength_um: float) -> float:
    """Height in µm of the focal plane at which defocus balances a spherical aberration best.

    It is the height at which the wavefront's variance over the pupil is least.

    Parameters
    ----------
    numerical_aperture
        In air.
    spherical_waves
        Primary spherical aberration at the edge of the pupil, in wavelengths.
    wavelength_um
        Of the light, in µm.
    """
    squared = (np.arange(_RINGS) + 0.5) / _RINGS  # (ρ/edge)² evenly, so that every ring has the same area
    axial = (np.sqrt(1 - squared * numerical_aperture**2) - 1) / wavelength_um
    axial -= axial.mean()
    aberration = spherical_waves * squared**2
    return float(-(axial @ aberration) / (axial @ axial))


def draw_shifted_section(part: Pixels, mpp: float, generator: np.random.Generator, *, strong: bool) -> Specimen:
    """Draw a section of `draw_section`'s density, and of a phase of its own.

    Strong: 2-3 rad for a density of 1, with a texture of 0.2-0.35 rad. Else 0.5-1.5 rad and a texture of
    0.1-0.25 rad.

    Parameters
    ----------
    part
        RGB of shape (height, width, 3), in focus.
    mpp
        µm per pixel.
    generator
        Source of chance.
    strong
        Whether the phase is strong.
    """
    from scipy.ndimage import gaussian_filter

    density = draw_section(part, mpp, generator).density
    mean = density.mean(axis=0)
    strength = generator.uniform(*((2.0, 3.0) if strong else (0.5, 1.5)))
    rough = generator.uniform(*((0.2, 0.35) if strong else (0.1, 0.25)))
    texture = smooth_noise(mean.shape, generator.uniform(0.2, 1.2) / mpp, generator)
    tissue = gaussian_filter((mean > _TISSUE_DENSITY).astype(np.float32), 1.0 / mpp)
    phase = strength * gaussian_filter(mean, generator.uniform(0, 0.3) / mpp) + rough * texture * tissue
    return Specimen(density, phase.astype(np.float32))


def restained(image: Pixels, generator: np.random.Generator) -> Pixels:
    """Image as another laboratory might have stained it.

    Optical densities are parted into haematoxylin, eosin and a rest. One stain is made 1.3-1.8 times as strong and the
    other 0.5-0.75 times as strong, the colours of both are turned by about 5°, and all is put together again.

    Parameters
    ----------
    image
        RGB of shape (height, width, 3).
    generator
        Source of chance.

    References
    ----------
    Ruifrok and Johnston, "Quantification of histochemical staining by color deconvolution" (2001).
    """
    from skimage.color import hed_from_rgb, rgb_from_hed

    density = -np.log(np.maximum(image, 1) / GLASS)
    strong, weak = generator.uniform(1.3, 1.8), generator.uniform(0.5, 0.75)
    factors = np.array([strong, weak, 1.0] if generator.random() < 0.5 else [weak, strong, 1.0])
    colours: NDArray[np.float64] = np.array(rgb_from_hed, np.float64)
    colours[:2] += generator.normal(0, 0.07, (2, 3))
    colours = np.maximum(colours, 0)
    colours /= np.linalg.norm(colours, axis=1, keepdims=True)
    stains = density @ np.asarray(hed_from_rgb, np.float64)
    mixed = np.clip((stains * factors) @ colours, -np.log(255 / GLASS), _DENSEST)
    levels: Pixels = np.floor(GLASS * np.exp(-mixed) + 0.5).astype(np.uint8)
    return levels
