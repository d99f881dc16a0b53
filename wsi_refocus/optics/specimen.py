"""Specimens to look at through a simulated microscope: sections made from in-focus images, and drawn smears."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]

GLASS = 245.0
"""Grey level of empty glass that optical densities are counted from."""
_TISSUE_DENSITY = 0.08
_CELLS = 120
_DENSEST = 2.5


@dataclass(frozen=True, slots=True)
class Specimen:
    """A stained section or smear.

    Attributes
    ----------
    density : ndarray of float32, shape (3, height, width)
        Optical density (natural logarithm) for red, green and blue, as the microscope shows it in focus.
    phase : ndarray of float32, shape (height, width)
        Phase in radians that the specimen adds to the light.
    """

    density: Image
    phase: Image


def specimen_of(image: NDArray[np.uint8], phase_per_density: float, phase_texture: Image | float) -> Specimen:
    """Take an in-focus image for a section.

    The phase of real sections follows their stain only in part, and how much differs from slide to slide: it is
    a factor times the mean optical density, plus a texture of its own.

    Parameters
    ----------
    image
        RGB of shape (height, width, 3), in focus.
    phase_per_density
        Phase in radians for an optical density of 1.
    phase_texture
        Further phase in radians, shape (height, width).
    """
    grey = np.maximum(np.moveaxis(image, 2, 0).astype(np.float32), 1)
    density = -np.log(grey / np.float32(GLASS))
    phase = np.float32(phase_per_density) * density.mean(axis=0) + np.float32(phase_texture)
    return Specimen(density, phase.astype(np.float32))


def draw_section(image: NDArray[np.uint8], mpp: float, generator: np.random.Generator) -> Specimen:
    """Draw the physics of a section that looks like a given image.

    Densities are scaled by 0.5-1.4. Of the sections, 15 % have no phase, 50 % have 0.1-1 rad and 35 % 0.8-2.5 rad for a
    density of 1, blurred by up to 0.5 µm; and those with phase a texture of up to 0.25 rad and 0.2-1.2 µm where
    there is tissue.

    Parameters
    ----------
    image
        RGB of shape (height, width, 3), in focus.
    mpp
        µm per pixel.
    generator
        Source of chance.
    """
    from scipy.ndimage import gaussian_filter

    grey = np.maximum(np.moveaxis(image, 2, 0).astype(np.float32), 1)
    glass = np.maximum(np.percentile(grey, 99.5, axis=(1, 2)), 200).astype(np.float32)
    density = -np.log(np.minimum(grey / glass[:, np.newaxis, np.newaxis], 1.15))
    density *= np.float32(generator.uniform(0.5, 1.4))
    mean = density.mean(axis=0)
    strength = (0.0, generator.uniform(0.1, 1.0), generator.uniform(0.8, 2.5))[generator.choice(3, p=(0.15, 0.5, 0.35))]
    phase = strength * gaussian_filter(mean, generator.uniform(0, 0.5) / mpp)
    if strength:
        texture = smooth_noise(mean.shape, generator.uniform(0.2, 1.2) / mpp, generator)
        tissue = gaussian_filter((mean > _TISSUE_DENSITY).astype(np.float32), 1.0 / mpp)
        phase += generator.uniform(0, 0.25) * texture * tissue
    return Specimen(density, phase.astype(np.float32))


def draw_smear(edge: int, mpp: float, generator: np.random.Generator) -> Specimen:
    """Draw round cells on empty glass, with sharp rims, thick or hollow, some of them granular.

    Sections have little empty glass and few large bodies of strong phase; smears have both, and a network that has
    seen sections only takes their halos for tissue.

    Parameters
    ----------
    edge
        Height and width in pixels.
    mpp
        µm per pixel.
    generator
        Source of chance.
    """
    y, x = np.mgrid[:edge, :edge].astype(np.float32) * np.float32(mpp)
    density = np.zeros((3, edge, edge), np.float32)
    phase = generator.uniform(0, 0.1) * smooth_noise((edge, edge), generator.uniform(1, 4) / mpp, generator)
    stain = generator.uniform(0.1, 1, 3)
    extent, size = edge * mpp, generator.uniform(1.5, 8)
    delay, hollow = generator.uniform(0, 2) ** 2, generator.uniform(-0.8, 0.8)
    for _ in range(min(_CELLS, int(generator.uniform(0.1, 1.2) * extent**2 / (np.pi * size**2)))):
        top, left = generator.uniform(0, extent, 2)
        radius, squeeze, angle = (generator.uniform(*each) for each in ((0.7 * size, 1.3 * size), (0.7, 1), (0, np.pi)))
        distance = _elliptic_distance(y - top, x - left, radius, squeeze, angle)
        body = np.clip((1 - distance) / (generator.uniform(0.15, 0.8) / radius) + 0.5, 0, 1)
        thickness = body * (1 + hollow * (distance**2 - 0.5)) * generator.uniform(0.6, 1.2)
        colour = stain * generator.uniform(0.8, 1.2, 3) if generator.random() < 0.85 else generator.uniform(0.2, 1.5, 3)
        density += (colour[:, np.newaxis, np.newaxis] * thickness).astype(np.float32)
        phase += delay * thickness
        if generator.random() < 0.15:
            granules = np.maximum(smooth_noise((edge, edge), generator.uniform(0.15, 0.5) / mpp, generator), 0) * body
            density += (generator.uniform(0.2, 1) * granules).astype(np.float32)
            phase += generator.uniform(0, 0.5) * granules
    return Specimen(np.minimum(density, _DENSEST), phase.astype(np.float32))


def draw_lenses(edge: int, mpp: float, generator: np.random.Generator) -> Specimen:
    """Draw cells that act as lenses: thick, of rounded rims and dimpled, such as red cells in a smear.

    Their phase, of up to 6 rad, follows their thickness and not their stain. So a view above focus shows dark outlines
    and bright centres over a long way, one below it double contours; the sharpest view is not the one of least blur.

    Parameters
    ----------
    edge
        Height and width in pixels.
    mpp
        µm per pixel.
    generator
        Source of chance.
    """
    y, x = np.mgrid[:edge, :edge].astype(np.float32) * np.float32(mpp)
    density = np.zeros((3, edge, edge), np.float32)
    phase = generator.uniform(0, 0.1) * smooth_noise((edge, edge), generator.uniform(1, 4) / mpp, generator)
    stain, size, extent = generator.uniform(0.1, 1, 3), generator.uniform(2, 8), edge * mpp
    delay, rim = generator.uniform(0, 6), generator.uniform(0.05, 0.5)
    dimple, dimple_size = generator.uniform(0, 0.9), generator.uniform(0.25, 0.6)
    for _ in range(min(_CELLS, int(generator.uniform(0.1, 1) * extent**2 / (np.pi * size**2)))):
        top, left = generator.uniform(0, extent, 2)
        radius, squeeze, angle = (
            size * generator.uniform(0.85, 1.15),
            generator.uniform(0.8, 1),
            generator.uniform(0, np.pi),
        )
        distance = _elliptic_distance(y - top, x - left, radius, squeeze, angle)
        body = np.clip((1 - distance) / rim, 0, 1) ** generator.uniform(0.5, 1)
        thickness = body * (1 - dimple * np.exp(-((distance / dimple_size) ** 2))) * generator.uniform(0.8, 1.1)
        stained = body * generator.uniform(0.3, 1) + thickness * generator.uniform(0, 0.7)
        density += (stain * generator.uniform(0.9, 1.1, 3))[:, np.newaxis, np.newaxis].astype(np.float32) * stained
        phase += delay * thickness
    return Specimen(np.minimum(density, _DENSEST), phase.astype(np.float32))


def _elliptic_distance(dy: Image, dx: Image, radius: float, squeeze: float, angle: float) -> Image:
    """Distance from the middle of an ellipse, 1 on its rim."""
    along, across = dy * np.cos(angle) + dx * np.sin(angle), dx * np.cos(angle) - dy * np.sin(angle)
    distance: Image = np.hypot(along / radius, across / (radius * squeeze))
    return distance


def faded(specimen: Specimen, border: int) -> Specimen:
    """Specimen that ends in empty glass over ``border`` pixels a side, so that a periodic model does not wrap it."""
    sides = [np.arange(side) for side in specimen.phase.shape]
    ramps = [np.clip((np.minimum(each, each[::-1]) + 0.5) / border, 0, 1).astype(np.float32) for each in sides]
    weight = ramps[0][:, np.newaxis] * ramps[1]
    return Specimen(specimen.density * weight, (specimen.phase - np.median(specimen.phase)) * weight)


def smooth_noise(shape: tuple[int, ...], sigma_px: float, generator: np.random.Generator) -> Image:
    """Gaussian random field of unit standard deviation and a correlation length of about ``sigma_px``."""
    from scipy import fft

    white = fft.rfft2(generator.standard_normal(shape, dtype=np.float32))
    fy, fx = fft.fftfreq(shape[0])[:, np.newaxis], fft.rfftfreq(shape[1])
    smoothed = fft.irfft2(white * np.exp(-2 * (np.pi * sigma_px) ** 2 * (fy**2 + fx**2)), s=shape)
    spread = float(smoothed.std()) or 1.0
    field: Image = ((smoothed - smoothed.mean()) / spread).astype(np.float32)
    return field
