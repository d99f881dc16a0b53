"""Synthetic slides of one focal plane, as OpenSlide and tiffslide read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from tests.support.two_shot import Image, halved


def write_svs(
    path: Path | str,
    image: Image,
    *,
    mpp: float | None = 0.5,
    magnification: float | None = 20,
    tile: int = 256,
    levels: int = 2,
    icc_profile: bytes | None = None,
) -> Path:
    """Write a slide like an Aperio scanner's: levels, each a quarter of the one before, thumbnail, label, macro."""
    height, width = image.shape[:2]
    head = f"Aperio Image Library v12.0.0\r\n{width}x{height} [0,0 {width}x{height}] ({tile}x{tile}) JPEG/RGB Q=90"
    head += "" if magnification is None else f"|AppMag = {magnification:g}"
    head += "" if mpp is None else f"|MPP = {mpp:g}"
    options: dict[str, Any] = {"photometric": "rgb", "compression": "jpeg", "metadata": None}
    with tifffile.TiffWriter(path) as writer:
        writer.write(image, description=head, tile=(tile, tile), iccprofile=icc_profile, **options)
        writer.write(image[::8, ::8], description=head, rowsperstrip=16, **options)
        level = image
        for _ in range(levels - 1):
            level = halved(halved(level))
            writer.write(level, description=head, tile=(tile, tile), **options)
        for name, flag, shade in (("label", 1, 200), ("macro", 9, 120)):
            picture = np.full((64, 96, 3), shade, np.uint8)
            writer.write(picture, description=f"Aperio\r\n{name} 96x64", subfiletype=flag, rowsperstrip=64, **options)
    return Path(path)


def write_tiff(path: Path | str, image: Image, *, mpp: float | None = 0.5, tile: int | None = 256) -> Path:
    """Write a plain TIFF of one page, tiled (which OpenSlide reads) or in strips (which it does not)."""
    options: dict[str, Any] = {} if tile is None else {"tile": (tile, tile)}
    if mpp is not None:
        options |= {"resolution": (1e4 / mpp, 1e4 / mpp), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(path, image, photometric="rgb", compression="deflate", metadata=None, **options)
    return Path(path)
