"""Slides of one focal plane that OpenSlide does not read: other TIFFs, and TIFFs behind a URL."""

from __future__ import annotations

import threading
from math import prod
from typing import Any, cast

import numpy as np
import tiffslide
from numpy.typing import NDArray

from wsi_refocus.errors import CorruptRegionError, RefocusError, SlideError
from wsi_refocus.geometry import Region, Size
from wsi_refocus.slide.cause import cause
from wsi_refocus.slide.extras import bearable_pictures, icc_profile
from wsi_refocus.slide.file_bytes import FileBytes
from wsi_refocus.slide.fingerprint import fingerprint
from wsi_refocus.slide.guarded_decoding import guarded_decoder
from wsi_refocus.slide.model import FocalPlane, Level, SlideInfo
from wsi_refocus.slide.plausible import plausible_mpp
from wsi_refocus.slide.reader import SlideReader
from wsi_refocus.slide.tiff_kind import quiet_tifffile
from wsi_refocus.slide.units import to_um
from wsi_refocus.storage.urls import is_remote


class TiffSlideSource(SlideReader):
    """A TIFF that tiffslide reads. It must not be an OME-TIFF of several planes.

    Parameters
    ----------
    path
        File, or a URL that fsspec knows.

    Raises
    ------
    SlideError
        If tiffslide cannot open it.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        # its store seeks in one shared file
        self._lock = threading.Lock()
        self._file = FileBytes(path) if is_remote(path) else None
        self._slide = _open(path, self._file)
        properties = self._slide.properties
        notes: list[str] = []
        associated = _associated(self._slide, path, notes)
        super().__init__(
            SlideInfo(
                paths=(path,),
                format=f"tiffslide:{properties.get('tiffslide.vendor') or 'tiff'}",
                levels=tuple(
                    Level(Size(height, width), float(downsample))
                    for (width, height), downsample in zip(
                        self._slide.level_dimensions, self._slide.level_downsamples, strict=True
                    )
                ),
                planes=(FocalPlane(0),),
                mpp=plausible_mpp(
                    properties.get("tiffslide.mpp-y"),
                    properties.get("tiffslide.mpp-x"),
                    notes,
                ),
                magnification=to_um(properties.get("tiffslide.objective-power"), None),
                associated=associated,
                icc_profile=icc_profile(self._slide, notes),
                fingerprint=(fingerprint(path),),
                notes=tuple(notes),
            )
        )

    def read_region(self, plane: int, level: int, region: Region) -> NDArray[np.uint8]:
        """Read pixels; as `SlideSource.read_region`."""
        self.check(plane, level, region)
        scale = self.info.levels[level].downsample
        try:
            with self._lock:
                pixels = self._slide.read_region(
                    (round(region.x * scale), round(region.y * scale)),
                    level,
                    (region.width, region.height),
                    as_array=True,
                )
        except RefocusError:  # of a server that cannot be reached
            raise
        except Exception as error:  # codecs raise errors of their own, which have no base in common
            raise CorruptRegionError(
                f"{self._path}: y={region.y}, x={region.x}, {region.height} × {region.width} of level {level} "
                f"cannot be decoded ({cause(error)}); copy the file again, or leave this part out with --region"
            ) from error
        return _rgb(pixels)

    def read_associated(self, name: str) -> NDArray[np.uint8]:
        """Read an associated image as RGB of shape (height, width, 3)."""
        self.check_associated(name)
        try:
            with self._lock:
                return _rgb(np.asarray(self._slide.associated_images[name].convert("RGB")))
        except RefocusError:
            raise
        except Exception as error:  # as above
            raise CorruptRegionError(f"{self._path}: its image {name} cannot be decoded ({cause(error)})") from error

    def close(self) -> None:
        """Close the file."""
        self._slide.close()
        if self._file is not None:
            self._file.close()


def _rgb(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(pixels[..., :3])


def _associated(slide: tiffslide.TiffSlide, path: str, notes: list[str]) -> tuple[str, ...]:
    pixels = {name: prod(series.shape[:2]) for name, series in slide.associated_images.series_map.items()}
    return bearable_pictures(pixels, path, notes)


def _open(path: str, file: FileBytes | None) -> tiffslide.TiffSlide:
    try:
        with quiet_tifffile():
            slide = tiffslide.TiffSlide(path if file is None else cast(Any, file.handle))
            _ = slide.level_dimensions  # its directories are looked at only now
            for series in slide.ts_tifffile.series:
                for level in series.levels:
                    level.keyframe.decode = guarded_decoder(level.keyframe, path)
    except RefocusError:
        raise
    except Exception as error:  # it passes on what its many parsers raise
        way_out = "convert it to OME-TIFF" + ("" if file is None else ", or copy it first, by --scratch DIR")
        raise SlideError(f"{path}: cannot be opened as a slide ({cause(error)}); {way_out}") from error
    return slide
