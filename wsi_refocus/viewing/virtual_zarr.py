"""A focal plane of any slide as an OME-Zarr 0.4 that exists only while somebody asks for it."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

import numpy as np

from wsi_refocus.geometry import Region
from wsi_refocus.slide.source import SlideSource

CHUNK = 512
_CHUNK_KEY = re.compile(r"([0-9]{1,9})/0/([0-9]{1,9})/([0-9]{1,9})")


class PlaneMount:
    """Keys of an OME-Zarr: documents made of the slide's description, chunks read from the slide.

    Parameters
    ----------
    source
        The open slide.
    plane
        Index of the focal plane.
    offset_px
        How far (y, x) the plane is moved, in pixels of level 0; its pixels stay as they were captured.
    """

    def __init__(self, source: SlideSource, plane: int, offset_px: tuple[float, float] = (0.0, 0.0)) -> None:
        self._source = source
        self._plane = plane
        self._offset = offset_px
        self._documents = {key: json.dumps(content).encode() for key, content in self._describe().items()}
        self._chunk = lru_cache(maxsize=64)(self._read_chunk)

    def size(self, key: str) -> int | None:
        """Length in bytes of a document or chunk; None if there is none."""
        if key in self._documents:
            return len(self._documents[key])
        return None if self._place(key) is None else 3 * CHUNK * CHUNK

    def read(self, key: str, start: int, stop: int) -> bytes:
        """Part of a document or chunk.

        Raises
        ------
        CorruptRegionError
            If the slide's pixels cannot be decoded.
        """
        content = self._documents.get(key)
        return (self._chunk(key) if content is None else content)[start:stop]

    def _place(self, key: str) -> tuple[int, Region] | None:
        """Level and pixels of a chunk; None if the slide has no such chunk."""
        found = _CHUNK_KEY.fullmatch(key)
        if found is None:
            return None
        level, iy, ix = (int(part) for part in found.groups())
        levels = self._source.info.levels
        if level >= len(levels):
            return None
        square = Region(iy * CHUNK, ix * CHUNK, CHUNK, CHUNK)
        region = square.intersection(Region.whole(levels[level].size))
        return (level, region) if region.area else None

    def _read_chunk(self, key: str) -> bytes:
        place = self._place(key)
        if place is None:
            raise KeyError(key)
        level, region = place
        chunk = np.zeros((3, CHUNK, CHUNK), np.uint8)
        pixels = self._source.read_region(self._plane, level, region)
        chunk[:, : region.height, : region.width] = np.moveaxis(pixels, 2, 0)
        return chunk.tobytes()

    def _describe(self) -> dict[str, Any]:
        info = self._source.info
        mpp_y, mpp_x = info.mpp or (1.0, 1.0)
        documents: dict[str, Any] = {".zgroup": {"zarr_format": 2}}
        datasets = []
        for number, level in enumerate(info.levels):
            down_y, down_x = info.size.height / level.size.height, info.size.width / level.size.width
            scale = [1.0, mpp_y * down_y, mpp_x * down_x]
            # a coarse pixel's middle lies between those of the fine pixels that it is made of
            first_y, first_x = self._offset[0] + (down_y - 1) / 2, self._offset[1] + (down_x - 1) / 2
            first = [0.0, mpp_y * first_y, mpp_x * first_x]
            transformations = [{"type": "scale", "scale": scale}, {"type": "translation", "translation": first}]
            datasets.append({"path": str(number), "coordinateTransformations": transformations})
            documents[f"{number}/.zarray"] = {
                "zarr_format": 2,
                "shape": [3, *level.size],
                "chunks": [3, CHUNK, CHUNK],
                "dtype": "|u1",
                "compressor": None,
                "filters": None,
                "fill_value": 0,
                "order": "C",
                "dimension_separator": "/",
            }
        axes = [
            {"name": "c", "type": "channel"},
            {"name": "y", "type": "space", "unit": "micrometer"},
            {"name": "x", "type": "space", "unit": "micrometer"},
        ]
        documents[".zattrs"] = {"multiscales": [{"version": "0.4", "axes": axes, "datasets": datasets}]}
        return documents
