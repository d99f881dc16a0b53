"""A simulated scanner that takes two shots of a section, on the two sides of the initial focal plane."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from wsi_refocus.optics.abbe import SOURCE_POINTS, AbbeViews
from wsi_refocus.optics.focusing import FocusedViews
from wsi_refocus.optics.incoherent import IncoherentViews
from wsi_refocus.optics.specimen import GLASS, Image, Specimen, smooth_noise, specimen_of
from wsi_refocus.optics.transfer import Microscope

Pixels = NDArray[np.uint8]
Model = Literal["weak", "abbe", "incoherent"]


@dataclass(frozen=True, slots=True)
class Acquisition:
    """Everything that decides what a two-shot acquisition looks like.

    Attributes
    ----------
    optics : Microscope
        The microscope.
    defocus_offset_um : float
        ΔD: the shots are taken at −ΔD and +ΔD around the initial focal plane.
    drift_um : float
        δ: height of the section's middle above the initial focal plane.
    tilt_um : tuple of float
        Rise of the section from its top to its bottom edge, and from left to right.
    topography_um : float
        Standard deviation of its smooth unevenness.
    topography_px : float
        Length over which it is smooth.
    shift_px : tuple of tuple of float
        Shift (y, x) of the content in the first and in the second shot.
    gain : tuple of float
        Brightness of the second shot over the first, for red, green and blue.
    electrons : float
        Electrons at full brightness; sets the shot noise.
    read_noise : float
        Noise of the dark camera in grey levels.
    jpeg_quality : int or None
        Quality of the compression; None for none.
    brightness : float
        Grey level of empty glass.
    stage_scale : float
        What the stage travels over what it says.
    focus_um : float
        Height of the plane that is called in focus over that in which the optics image the section: with phase, the
        sharpest plane is not the one of least blur.
    model : str
        ``weak``: log-intensity is linear in density and phase; ``abbe``: strong phase by a sum over the source;
        ``incoherent``: the paper's eq. 1.
    phase_per_density, phase_texture : float
        Phase of the section: by its stain, and of its own (standard deviation in radians).
    seed : int
        Seed of topography, texture and noise.
    """

    optics: Microscope = field(default_factory=Microscope)
    defocus_offset_um: float = 0.75
    drift_um: float = 0.0
    tilt_um: tuple[float, float] = (0.0, 0.0)
    topography_um: float = 0.0
    topography_px: float = 400.0
    shift_px: tuple[tuple[float, float], tuple[float, float]] = ((0.0, 0.0), (0.0, 0.0))
    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    electrons: float = 20_000.0
    read_noise: float = 0.3
    jpeg_quality: int | None = None
    brightness: float = GLASS
    stage_scale: float = 1.0
    focus_um: float = 0.0
    model: Model = "weak"
    phase_per_density: float = 0.4
    phase_texture: float = 0.03
    seed: int = 0


PLANAR = Acquisition(model="incoherent", electrons=np.inf, read_noise=1.0)
"""The paper's simulation: eq. 1 for a flat section without phase, and one grey level of noise."""


@dataclass(frozen=True, slots=True)
class TwoShots:
    """A simulated acquisition and its truth.

    Attributes
    ----------
    first, second : ndarray of uint8, shape (height, width, 3)
        The shots at −ΔD and +ΔD.
    truth, truth_of_second : ndarray of uint8, shape (height, width, 3)
        In focus, with the shift and the gain of the first and of the second shot.
    drift_um : ndarray of float32, shape (height, width)
        δ of every pixel.
    """

    first: Pixels
    second: Pixels
    truth: Pixels
    truth_of_second: Pixels
    drift_um: Image


def draw_acquisition(generator: np.random.Generator, *, smear: bool = False) -> Acquisition:
    """Draw an acquisition from the ranges that networks are trained on.

    ΔD 0.4-1.6 µm, small ones more often; half of the drifts δ ~ N(0, 1 µm), and half uniform in ±1.2 ΔD, so that focus
    lies between the shots more often than it would by chance; NA 0.55-0.88; condenser ratio 0.4-0.95; spherical
    aberration N(0, 0.08 λ), at most 0.2; axial colour ±0.35 µm in seven of ten; section of 0-2.5 µm of stage travel;
    tilt N(0, 0.12 µm), and in half of them topography of up to 0.25 µm; stage scale exp N(0, 0.2); residual shift
    N(0, 0.06 px) and residual gain N(1, 0.002) of the second shot; 6,000-60,000 electrons, read noise 0.1-0.6; JPEG
    quality 78-96 in three of four. A quarter of the sections and two thirds of the smears are imaged by Abbe's method,
    without thickness and topography; the other smears are at most 0.5 µm thick.

    Parameters
    ----------
    generator
        Source of chance.
    smear
        Whether it is one of a smear, not of a section.
    """

    def uniform(low: float, high: float) -> float:
        return float(generator.uniform(low, high))

    def normal(spread: float) -> float:
        return float(generator.normal(0, spread))

    abbe = generator.random() < (0.67 if smear else 0.25)
    coloured = generator.random() < 0.7
    optics = Microscope(
        numerical_aperture=uniform(0.55, 0.88),
        condenser_ratio=uniform(0.4, 0.95),
        spherical_waves=float(np.clip(normal(0.08), -0.2, 0.2)),
        axial_colour_um=(uniform(-0.35, 0.35), 0.0, uniform(-0.35, 0.35)) if coloured else (0.0, 0.0, 0.0),
        thickness_um=0.0 if abbe else uniform(0, 0.5 if smear else 2.5),
    )
    offset = 0.4 * 4 ** uniform(0, 1)
    return Acquisition(
        optics=optics,
        defocus_offset_um=offset,
        drift_um=normal(1.0) if generator.random() < 0.5 else uniform(-1.2, 1.2) * offset,
        tilt_um=(0.0, 0.0) if abbe else (normal(0.12), normal(0.12)),
        topography_um=0.0 if abbe or generator.random() < 0.5 else uniform(0, 0.25),
        topography_px=uniform(40, 120),
        shift_px=((0.0, 0.0), (normal(0.06), normal(0.06))),
        gain=(1 + normal(0.002), 1 + normal(0.002), 1 + normal(0.002)),
        electrons=float(np.exp(uniform(np.log(6e3), np.log(6e4)))),
        read_noise=uniform(0.1, 0.6),
        jpeg_quality=int(generator.integers(78, 97)) if generator.random() < 0.75 else None,
        brightness=uniform(225, 250),
        stage_scale=float(np.exp(normal(0.2))),
        model="abbe" if abbe else "weak",
        seed=int(generator.integers(2**31)),
    )


def acquire(image: Pixels, mpp: float, acquisition: Acquisition, margin: int = 32) -> TwoShots:
    """Take two shots of the section whose in-focus image is given, with the phase that the acquisition says.

    Parameters
    ----------
    image
        RGB of shape (height, width, 3).
    mpp
        µm per pixel.
    acquisition
        What the scanner and the section are like.
    margin
        Pixels a side that are added by reflection, so that the periodic model does not wrap around.

    Returns
    -------
    TwoShots
        As of `scan`.
    """
    generator = np.random.default_rng(acquisition.seed)
    padded = np.pad(image, ((margin, margin), (margin, margin), (0, 0)), mode="reflect")
    texture = acquisition.phase_texture * smooth_noise(padded.shape[:2], 0.4 / mpp, generator)
    return scan(specimen_of(padded, acquisition.phase_per_density, texture), mpp, acquisition, generator, margin)


def scan(
    specimen: Specimen, mpp: float, acquisition: Acquisition, generator: np.random.Generator, margin: int = 0
) -> TwoShots:
    """Take two shots of a specimen.

    Parameters
    ----------
    specimen
        What lies on the stage; its borders wrap around.
    mpp
        µm per pixel.
    acquisition
        What the scanner is like; its phase is not used.
    generator
        Source of topography and noise.
    margin
        Pixels a side of the specimen that are not in the result.

    Returns
    -------
    TwoShots
        The truth is the model's own view in focus: with the section's thickness and aberrations.
    """
    views = views_of(specimen, mpp, acquisition)
    shape = specimen.phase.shape
    drift = _topography((shape[0], shape[1]), acquisition, generator)
    inner = (slice(margin, -margin), slice(margin, -margin)) if margin else (slice(None), slice(None))
    brightness = np.float32(acquisition.brightness / GLASS)
    gains = (np.full(3, brightness), brightness * np.asarray(acquisition.gain, np.float32))
    shots, truths = [], []
    for side, shift, gain in zip((-1, 1), acquisition.shift_px, gains, strict=True):
        height = acquisition.focus_um + side * acquisition.defocus_offset_um * acquisition.stage_scale - drift
        shots.append(_captured(view_over(views, height, shift)[inner] * gain, acquisition, generator))
        truths.append(_rounded(views.at(acquisition.focus_um, shift)[inner] * gain))
    return TwoShots(shots[0], shots[1], truths[0], truths[1], drift[inner])


def views_of(specimen: Specimen, mpp: float, acquisition: Acquisition, source_points: int = SOURCE_POINTS) -> Views:
    """All views of a specimen, by the model that the acquisition asks for; fewer points make Abbe's method quicker."""
    if acquisition.model == "abbe":
        return AbbeViews(specimen, acquisition.optics, mpp, source_points)
    return (IncoherentViews if acquisition.model == "incoherent" else FocusedViews)(specimen, acquisition.optics, mpp)


class Views(Protocol):
    """All views of a specimen."""

    def at(self, z_um: float, shift_px: tuple[float, float] = (0.0, 0.0)) -> Image:
        """View with the focal plane ``z_um`` above the specimen, shape (height, width, 3)."""
        ...


def view_over(views: Views, z_um: Image, shift_px: tuple[float, float] = (0.0, 0.0), step_um: float = 0.2) -> Image:
    """View of a section that is not flat: every pixel at its own height.

    Views at multiples of ``step_um`` are interpolated linearly; topography is smooth over the few µm that a
    defocused point spreads to.

    Parameters
    ----------
    views
        Views of the section, were it flat.
    z_um
        Height of the focal plane above each pixel's section, shape (height, width).
    shift_px, step_um
        How far the content is moved down and to the right, in pixels; and the distance of the views.
    """
    low, high = float(z_um.min()), float(z_um.max())
    if high - low < 1e-6:
        return views.at(low, shift_px)
    result = np.zeros((*z_um.shape, 3), np.float32)
    for number in range(math.floor(low / step_um), math.ceil(high / step_um) + 1):
        weight = np.clip(1 - np.abs(z_um / step_um - number), 0, 1).astype(np.float32)
        result += weight[..., np.newaxis] * views.at(number * step_um, shift_px)
    return result


def _topography(shape: tuple[int, int], acquisition: Acquisition, generator: np.random.Generator) -> Image:
    y, x = (np.linspace(-0.5, 0.5, side, dtype=np.float32) for side in shape)
    plane = acquisition.tilt_um[0] * y[:, np.newaxis] + acquisition.tilt_um[1] * x
    height: Image = (acquisition.drift_um + plane).astype(np.float32)
    if acquisition.topography_um:
        height += np.float32(acquisition.topography_um) * smooth_noise(shape, acquisition.topography_px, generator)
    return height


def _captured(view: Image, acquisition: Acquisition, generator: np.random.Generator) -> Pixels:
    """What the camera makes of a view: noise, rounding and compression."""
    variance = np.maximum(view, 0) * (255 / acquisition.electrons) + acquisition.read_noise**2
    noisy: Image = view + np.sqrt(variance).astype(np.float32) * generator.standard_normal(view.shape, dtype=np.float32)
    pixels = _rounded(noisy)
    if acquisition.jpeg_quality is None:
        return pixels
    stream = io.BytesIO()
    Picture.fromarray(pixels).save(stream, "JPEG", quality=acquisition.jpeg_quality)
    return np.asarray(Picture.open(stream))


def _rounded(view: Image) -> Pixels:
    rounded: Pixels = np.clip(view + np.float32(0.5), 0, 255).astype(np.uint8)
    return rounded
