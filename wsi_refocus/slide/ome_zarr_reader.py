"""OME-Zarr 0.4 and 0.5, with or without a z axis."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from wsi_refocus.errors import CorruptRegionError, RefocusError, SlideError, UsageError
from wsi_refocus.geometry import Region, Size
from wsi_refocus.limits import TILE_BYTES
from wsi_refocus.slide.cause import cause
from wsi_refocus.slide.fingerprint import fingerprint
from wsi_refocus.slide.model import FocalPlane, Level, SlideInfo
from wsi_refocus.slide.multiscales import Multiscales, parse_multiscales
from wsi_refocus.slide.reader import SlideReader, downsample
from wsi_refocus.slide.remote_store import RemoteStore
from wsi_refocus.storage.folder import RemoteFolder
from wsi_refocus.storage.ranges import unreadable
from wsi_refocus.storage.urls import is_remote

_OME_XML = "OME/METADATA.ome.xml"


class OmeZarrSource(SlideReader):
    """An image of an OME-Zarr group, RGB with the axes c, y, x and at most z and t, in any order.

    Reading is safe from several threads. Chunks that are absent read as the array's fill value, as Zarr has it.

    Parameters
    ----------
    path
        Folder or URL of the group. Of a group of several images (``bioformats2raw.layout``) the first is read.

    Raises
    ------
    SlideError
        If it holds no such image.
    """

    def __init__(self, path: str) -> None:
        group, notes = _open_image(path)
        image = parse_multiscales(dict(group.attrs), path)
        self._axes = image.axes
        self._levels = _levels(group, image, path)
        super().__init__(_describe(path, image, self._levels, notes))

    def read_region(self, plane: int, level: int, region: Region) -> NDArray[np.uint8]:
        """Read pixels; as `SlideSource.read_region`."""
        self.check(plane, level, region)
        index: dict[str, int | slice] = {
            "t": 0,
            "c": slice(None),
            "z": plane,
            "y": slice(region.y, region.y1),
            "x": slice(region.x, region.x1),
        }
        try:
            pixels = np.asarray(self._levels[level][tuple(index[axis] for axis in self._axes)])
        except RefocusError:  # of a server that cannot be reached
            raise
        except Exception as error:  # stores and codecs raise errors of their own, which have no base in common
            raise CorruptRegionError(
                f"{self.name}: a chunk of plane {plane}, level {level} around y={region.y}, x={region.x} cannot "
                f"be decoded ({cause(error)}); copy the store again, or leave this part "
                "out with --region"
            ) from error
        left = [axis for axis in self._axes if axis in "cyx"]
        return np.ascontiguousarray(pixels.transpose([left.index(axis) for axis in "yxc"]))

    def read_associated(self, name: str) -> NDArray[np.uint8]:
        """Refuse: OME-Zarr has no associated images."""
        raise UsageError(f"{self.name}: has no image {name!r}; OME-Zarr knows no associated images")

    def close(self) -> None:
        """Leave the store: it has no files that stay open."""


def _open_image(path: str) -> tuple[zarr.Group, list[str]]:
    notes: list[str] = []
    remote = RemoteFolder(path) if is_remote(path) else None
    try:
        group = zarr.open_group(path if remote is None else RemoteStore(remote), mode="r")
        attributes: dict[str, Any] = dict(group.attrs)
        content = attributes.get("ome", attributes)
        if isinstance(content, dict) and "multiscales" not in content and "0" in group:
            first = group["0"]
            if isinstance(first, zarr.Group):
                notes.append("the store holds several images; the first is read")
                group = first
    except RefocusError:
        raise
    except Exception as error:  # stores and parsers raise errors of their own, which have no base in common
        if remote is not None and remote.denied:
            raise unreadable(path, PermissionError()) from error
        what = "URL" if is_remote(path) else "folder"
        raise SlideError(
            f"{path}: is a {what} that holds no OME-Zarr ({cause(error)}); name the "
            "slide's file, or the group with its zarr.json or .zattrs"
        ) from error
    return group, notes


def _levels(group: zarr.Group, image: Multiscales, path: str) -> list[zarr.Array[Any]]:
    levels: list[zarr.Array[Any]] = []
    for name in image.datasets:
        try:
            array = group[name]
        except RefocusError:
            raise
        except Exception as error:  # stores and parsers raise errors of their own, which have no base in common
            raise SlideError(f"{path}: its level {name} is missing; copy the store again") from error
        if not isinstance(array, zarr.Array) or array.ndim != len(image.axes):
            raise SlideError(f"{path}: its level {name} is no array with the axes {image.axes}")
        sizes = dict(zip(image.axes, array.shape, strict=True))
        if array.dtype != np.uint8:
            raise SlideError(f"{path}: holds {array.dtype} pixels; only 8-bit RGB brightfield slides can be refocused")
        if sizes.get("c") != 3:
            raise SlideError(
                f"{path}: holds {sizes.get('c', 1)} channels, as grey or fluorescence images do; only 8-bit RGB "
                "brightfield slides can be refocused"
            )
        if sizes.get("t", 1) != 1:
            raise SlideError(f"{path}: is a time series of {sizes['t']} images; split it first")
        if min(array.shape) < 1:
            raise SlideError(f"{path}: its level {name} is empty; copy the store again")
        TILE_BYTES.check(math.prod(array.shards or array.chunks), f"bytes in a chunk of level {name}", path)
        levels.append(array)
    return levels


def _size(array: zarr.Array[Any], axes: str) -> Size:
    return Size(array.shape[axes.index("y")], array.shape[axes.index("x")])


def _describe(path: str, image: Multiscales, levels: list[zarr.Array[Any]], notes: list[str]) -> SlideInfo:
    sizes = [_size(array, image.axes) for array in levels]
    count = levels[0].shape[image.axes.index("z")] if "z" in image.axes else 1
    complete = [array.shape[image.axes.index("z")] == count if "z" in image.axes else True for array in levels]
    if not all(complete):
        notes.append("coarse levels that hold fewer planes are not used")
        sizes = sizes[: complete.index(False)]
    step = image.z_step_um
    if count > 1 and not step:
        notes.append("the z axis has no scale with a unit of length; the heights of the planes are unknown")
    if image.mpp is None:
        notes.append("the y and x axes have no scale with a unit of length; the mpp is unknown")
    heights = [
        float(f"{image.z_start_um + index * step:.12g}") if step and count > 1 else None for index in range(count)
    ]
    return SlideInfo(
        paths=(path,),
        format=f"ome-zarr-{image.version}",
        levels=tuple(Level(size, downsample(sizes[0], size)) for size in sizes),
        planes=tuple(FocalPlane(index, z) for index, z in enumerate(heights)),
        mpp=image.mpp,
        fingerprint=(fingerprint(path),),
        notes=tuple(notes),
    )
