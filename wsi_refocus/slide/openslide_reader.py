"""Slides of one focal plane, in any format that OpenSlide reads."""

from __future__ import annotations

import threading

import numpy as np
import openslide
from numpy.typing import NDArray
from PIL import Image

from wsi_refocus.errors import CorruptRegionError, SlideError
from wsi_refocus.geometry import Region, Size
from wsi_refocus.slide.cause import cause
from wsi_refocus.slide.extras import bearable_pictures, icc_profile
from wsi_refocus.slide.fingerprint import fingerprint
from wsi_refocus.slide.model import FocalPlane, Level, SlideInfo
from wsi_refocus.slide.plausible import plausible_mpp
from wsi_refocus.slide.reader import SlideReader
from wsi_refocus.slide.units import to_um


def openslide_format(path: str) -> str | None:
    """Format of a local file as OpenSlide names it; None if it knows none.

    Raises
    ------
    SlideError
        If it knows the format, but the file is damaged.
    """
    try:
        return openslide.OpenSlide.detect_format(path)
    except openslide.OpenSlideError as error:
        raise _unusable(path, error) from error


class OpenSlideSource(SlideReader):
    """A slide that OpenSlide reads. It must not be an OME-TIFF, of which OpenSlide shows one plane silently.

    Parameters
    ----------
    path
        Local file.

    Raises
    ------
    SlideError
        If OpenSlide cannot open it.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._slide = _open(path)
        properties = self._slide.properties
        notes: list[str] = []
        background = properties.get(openslide.PROPERTY_NAME_BACKGROUND_COLOR, "ffffff")
        self._background = np.frombuffer(bytes.fromhex(background), np.uint8)
        super().__init__(
            SlideInfo(
                paths=(path,),
                format=f"openslide:{properties.get(openslide.PROPERTY_NAME_VENDOR, 'unknown')}",
                levels=tuple(
                    Level(Size(height, width), downsample)
                    for (width, height), downsample in zip(
                        self._slide.level_dimensions, self._slide.level_downsamples, strict=True
                    )
                ),
                planes=(FocalPlane(0),),
                mpp=plausible_mpp(
                    properties.get(openslide.PROPERTY_NAME_MPP_Y),
                    properties.get(openslide.PROPERTY_NAME_MPP_X),
                    notes,
                ),
                magnification=to_um(properties.get(openslide.PROPERTY_NAME_OBJECTIVE_POWER), None),
                associated=_associated(self._slide, path, notes),
                icc_profile=icc_profile(self._slide, notes),
                fingerprint=(fingerprint(path),),
                notes=tuple(notes),
            )
        )

    def read_region(self, plane: int, level: int, region: Region) -> NDArray[np.uint8]:
        """Read pixels, composited on the slide's background colour; as `SlideSource.read_region`.

        On levels whose downsample is no integer, OpenSlide places a region to the nearest pixel of level 0.
        """
        self.check(plane, level, region)
        scale = self.info.levels[level].downsample
        slide = self._slide
        try:
            image = slide.read_region(
                (round(region.x * scale), round(region.y * scale)), level, (region.width, region.height)
            )
        except openslide.OpenSlideError as error:
            self._revive(slide)
            raise CorruptRegionError(
                f"{self._path}: y={region.y}, x={region.x}, {region.height} × {region.width} of level {level} "
                f"cannot be decoded ({cause(error)}); copy the file again, or leave this part out with --region"
            ) from error
        return composited(image, self._background)

    def read_associated(self, name: str) -> NDArray[np.uint8]:
        """Read an associated image as RGB of shape (height, width, 3)."""
        self.check_associated(name)
        try:
            image = self._slide.associated_images[name]
        except openslide.OpenSlideError as error:
            self._revive(self._slide)
            raise CorruptRegionError(f"{self._path}: its image {name} cannot be decoded") from error
        return composited(image, self._background)

    def close(self) -> None:
        """Close the file."""
        self._slide.close()

    def _revive(self, broken: openslide.OpenSlide) -> None:
        """Open the file anew: after an error OpenSlide refuses everything, also regions that are fine."""
        with self._lock:
            if self._slide is broken:
                self._slide = _open(self._path)


def _associated(slide: openslide.OpenSlide, path: str, notes: list[str]) -> tuple[str, ...]:
    sides = {name: f"openslide.associated.{name}" for name in slide.associated_images}
    pixels = {
        name: int(slide.properties.get(f"{side}.height", 0)) * int(slide.properties.get(f"{side}.width", 0))
        for name, side in sides.items()
    }
    return bearable_pictures(pixels, path, notes)


def composited(image: Image.Image, background: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay a picture over a background, so that what was not scanned does not turn black.

    Parameters
    ----------
    image
        RGBA, its colours not multiplied by alpha.
    background
        RGB, shape (3,).

    Returns
    -------
    ndarray of shape (height, width, 3)
        RGB.
    """
    pixels = np.asarray(image)
    colours = np.ascontiguousarray(pixels[..., :3])
    alpha = pixels[..., 3]
    if np.all(alpha == 255):
        return colours
    weight = alpha[..., np.newaxis].astype(np.uint16)
    blended = colours * weight + background * (255 - weight)
    return ((blended + 127) // 255).astype(np.uint8)


def _open(path: str) -> openslide.OpenSlide:
    try:
        return openslide.OpenSlide(path)
    except openslide.OpenSlideError as error:
        raise _unusable(path, error) from error


def _unusable(path: str, error: Exception) -> SlideError:
    return SlideError(f"{path}: OpenSlide cannot open it ({cause(error)}); the file is damaged, copy it again")
