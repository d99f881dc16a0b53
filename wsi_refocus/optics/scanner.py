"""A simulated scanner that takes two shots of a section, on the two sides of the initial focal plane."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from wsi_refocus.optics.focusing import FocusedViews, Image, smooth_noise, specimen_of
from wsi_refocus.optics.transfer import Microscope

Pixels = NDArray[np.uint8]


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
    phase_per_density: float = 0.4
    phase_texture: float = 0.03
    seed: int = 0


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


def draw_acquisition(generator: np.random.Generator) -> Acquisition:
    """Draw an acquisition from the ranges that networks are trained on.

    δ ~ N(0, 0.75 µm); ΔD 0.5-1.6 µm; NA 0.75; condenser ratio 0.6-0.8; axial colour ±0.15 µm; section 0.5-2 µm of stage
    travel; phase from none to 0.8 rad per density, texture to 0.05 rad; residual shift ±0.25 px and residual gain ±1 %
    of the second shot; 10,000-40,000 electrons; JPEG quality 82-95 in three of four.
    """

    def uniform(low: float, high: float) -> float:
        return float(generator.uniform(low, high))

    optics = Microscope(
        condenser_ratio=uniform(0.6, 0.8),
        axial_colour_um=(uniform(-0.15, 0.15), 0.0, uniform(-0.15, 0.15)),
        thickness_um=uniform(0.5, 2.0),
    )
    return Acquisition(
        optics=optics,
        defocus_offset_um=uniform(0.5, 1.6),
        drift_um=float(generator.normal(0, 0.75)),
        tilt_um=(float(generator.normal(0, 0.1)), float(generator.normal(0, 0.1))),
        shift_px=((0.0, 0.0), (uniform(-0.25, 0.25), uniform(-0.25, 0.25))),
        gain=(uniform(0.99, 1.01), uniform(0.99, 1.01), uniform(0.99, 1.01)),
        electrons=float(np.exp(uniform(np.log(1e4), np.log(4e4)))),
        read_noise=uniform(0.1, 0.5),
        jpeg_quality=int(generator.integers(82, 96)) if generator.random() < 0.75 else None,
        phase_per_density=max(0.0, uniform(-0.15, 0.8)),
        phase_texture=uniform(0, 0.05),
        seed=int(generator.integers(2**31)),
    )


def acquire(image: Pixels, mpp: float, acquisition: Acquisition, margin: int = 32) -> TwoShots:
    """Take two shots of the section whose in-focus image is given.

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
        The truth is the model's own view in focus: with the section's thickness and aberrations.
    """
    generator = np.random.default_rng(acquisition.seed)
    padded = np.pad(image, ((margin, margin), (margin, margin), (0, 0)), mode="reflect")
    shape = padded.shape[:2]
    texture = acquisition.phase_texture * smooth_noise(shape, 0.4 / mpp, generator)
    specimen = specimen_of(padded, acquisition.phase_per_density, texture)
    views = FocusedViews(specimen, acquisition.optics, mpp)
    drift = _topography(shape, acquisition, generator)
    inner = (slice(margin, -margin), slice(margin, -margin)) if margin else (slice(None), slice(None))
    gains = (np.ones(3, np.float32), np.asarray(acquisition.gain, np.float32))
    shots, truths = [], []
    for side, shift, gain in zip((-1, 1), acquisition.shift_px, gains, strict=True):
        shot = views.over(side * acquisition.defocus_offset_um - drift, shift)[inner] * gain
        shots.append(_captured(shot, acquisition, generator))
        truths.append(_rounded(views.at(0.0, shift)[inner] * gain))
    return TwoShots(shots[0], shots[1], truths[0], truths[1], drift[inner])


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
