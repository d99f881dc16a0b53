"""Writing slides as pyramidal tiled OME-TIFF, from planes that need not fit into memory."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from wsi_refocus.errors import OutputError
from wsi_refocus.slide.thumbnail import block_means

TILE = 256
_SMALLEST = 512

Pixels = NDArray[np.uint8]


def write_ome_tiff(
    path: str | Path,
    planes: Sequence[Pixels],
    z_um: Sequence[float],
    mpp: float,
    *,
    quality: int = 90,
    description: str = "",
) -> None:
    """Write focal planes of one slide, one page a plane and their coarser levels as SubIFDs, compressed as JPEG.

    Parameters
    ----------
    path
        File to write.
    planes
        Planes of shape (height, width, 3), in memory or mapped from disk; read tile by tile.
    z_um
        Their heights in µm.
    mpp
        µm per pixel.
    quality
        Quality of the compression.
    description
        Kept in the OME-XML.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    height, width = planes[0].shape[:2]
    levels = 1
    while max(height, width) >> levels >= _SMALLEST:
        levels += 1
    metadata = {
        "axes": "ZYXS",
        "UUID": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{height} {width} {description}")),  # or it would be random
        "Description": description,
        "PhysicalSizeX": mpp,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": mpp,
        "PhysicalSizeYUnit": "µm",
        "Plane": {"PositionZ": list(z_um), "PositionZUnit": ["µm"] * len(z_um)},
    }
    try:
        with tifffile.TiffWriter(path, ome=True, bigtiff=True) as tiff:
            for level in range(levels):
                size = (height >> level, width >> level)
                tiff.write(
                    _tiles(planes, level, size),
                    shape=(len(planes), *size, 3),
                    dtype=np.uint8,
                    tile=(TILE, TILE),
                    photometric="rgb",
                    compression="jpeg",
                    compressionargs={"level": quality},
                    subifds=levels - 1 if level == 0 else None,
                    subfiletype=int(level > 0),
                    metadata=metadata if level == 0 else None,
                    resolution=(1e4 / mpp / 2**level, 1e4 / mpp / 2**level),
                    resolutionunit="CENTIMETER",
                )
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error}); choose another output") from None


def _tiles(planes: Sequence[Pixels], level: int, size: tuple[int, int]) -> Iterator[Pixels]:
    """Tiles of a level of all planes, row by row; those at the far edges continue their last pixels."""
    factor = 2**level
    for plane in planes:
        for top in range(0, size[0], TILE):
            for left in range(0, size[1], TILE):
                bottom, right = min(top + TILE, size[0]), min(left + TILE, size[1])
                part = np.ascontiguousarray(plane[top * factor : bottom * factor, left * factor : right * factor])
                tile = part if level == 0 else block_means(part, factor)
                yield np.pad(tile, ((0, TILE - bottom + top), (0, TILE - right + left), (0, 0)), mode="edge")
