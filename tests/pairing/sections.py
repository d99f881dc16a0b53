"""Small made-up tissue sections, and slides of them held in memory."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from wsi_refocus.errors import CorruptRegionError
from wsi_refocus.geometry import Region, Size
from wsi_refocus.slide.model import FocalPlane, Level, SlideInfo

Density = NDArray[np.float32]

STAIN = np.array([0.55, 1.0, 0.45], dtype=np.float32)


def section(height: int, width: int, seed: int = 0) -> Density:
    """Optical density with structure from some pixels to some tens of pixels, shape (height, width)."""
    noise = np.random.default_rng(seed).standard_normal((height, width)).astype(np.float32)
    density = np.zeros((height, width), dtype=np.float32)
    for sigma, strength in ((1.2, 0.15), (4.0, 0.35), (12.0, 0.5)):
        layer = ndimage.gaussian_filter(noise, sigma, mode="wrap")
        density += strength * np.maximum(layer / layer.std(), 0)
    return density


def moved(density: Density, dy: float, dx: float) -> Density:
    """What lies at (y, x) comes to lie at (y + dy, x + dx); wraps around."""
    spectrum = ndimage.fourier_shift(np.fft.fft2(density), (dy, dx))
    return np.fft.ifft2(spectrum).real.astype(np.float32)


def shot(
    density: Density,
    blur: float = 0.7,
    phase: float = 0.0,
    gain: tuple[float, float, float] = (1.0, 1.0, 1.0),
    noise: float = 1.0,
    seed: int = 0,
) -> NDArray[np.uint8]:
    """Photograph of a section, shape (height, width, 3).

    Parameters
    ----------
    density
        The section.
    blur
        Standard deviation of the defocus in pixels.
    phase
        Strength of bright (or, negative, dark) edges.
    gain
        Of the channels.
    noise
        Standard deviation in grey levels.
    seed
        Of the noise.
    """
    if phase:
        softer = ndimage.gaussian_filter(density, 1.0, mode="wrap")
        density = density + phase * (softer - ndimage.gaussian_filter(density, 2.0, mode="wrap"))
    light = 240 * np.exp(-np.clip(density, 0, None)[..., None] * STAIN) * np.array(gain)
    light = ndimage.gaussian_filter(light, (blur, blur, 0), mode="wrap")
    light += np.random.default_rng(seed).normal(0, noise, light.shape)
    return np.clip(np.rint(light), 0, 255).astype(np.uint8)


class SlideInMemory:
    """A slide whose planes are arrays."""

    def __init__(
        self,
        planes: list[NDArray[np.uint8]],
        z_um: list[float | None] | None = None,
        corrupt: Region | None = None,
    ) -> None:
        self.planes = planes
        self.corrupt = corrupt
        heights = z_um or [None] * len(planes)
        size = Size(*planes[0].shape[:2])
        self.info = SlideInfo(
            ("slide.tiff",),
            "memory",
            (Level(size),),
            tuple(FocalPlane(index, z) for index, z in enumerate(heights)),
            (0.5, 0.5),
        )

    def read_region(self, plane: int, level: int, region: Region) -> NDArray[np.uint8]:
        assert level == 0
        assert Region.whole(self.info.size).contains(region)
        if self.corrupt is not None and self.corrupt.intersection(region).area:
            raise CorruptRegionError(f"slide.tiff: region {region} cannot be decoded")
        return self.planes[plane][region.slices]

    def read_associated(self, name: str) -> NDArray[np.uint8]:
        raise KeyError(name)

    def close(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
