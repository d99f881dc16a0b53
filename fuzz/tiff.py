"""A TIFF of any kind, opened as a slide, with pixels of every plane and level, and all that goes with it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import tifffile

from fuzz.scratch import FOLDER, file_of
from tests.support.single_plane import write_svs, write_tiff
from tests.support.two_shot import tissue, write_ome_tiff
from wsi_refocus.errors import RefocusError
from wsi_refocus.geometry import Region
from wsi_refocus.slide.open import open_slide

_LARGEST = 64


def seeds() -> Iterator[bytes]:
    """Small slides of every kind that can be written here."""
    image = tissue((48, 64), seed=1)
    path = FOLDER / "seed.tiff"
    for compression in ("jpeg", "deflate", "jpeg2000", "lzw", "zstd", None):
        for bigtiff, planar in ((False, False), (True, False), (False, True)):
            if planar and compression in ("jpeg", "jpeg2000"):
                continue
            yield write_ome_tiff(
                path, [image, image], tile=32, compression=compression, bigtiff=bigtiff, planar=planar,
                associated={"label": image[:16, :16]},
            ).read_bytes()  # fmt: skip
    yield write_ome_tiff(path, [image, image], tiled=False, pyramid=False, compression=None).read_bytes()
    yield write_svs(path, image, tile=32, icc_profile=b"profile").read_bytes()
    for tile in (32, None):
        yield write_tiff(path, image, tile=tile).read_bytes()
    tifffile.imwrite(path, np.zeros((2, 16, 16, 3), np.uint8), photometric="rgb", compression="webp")
    yield path.read_bytes()


def read(data: bytes) -> None:
    """Open a slide and read of it what a run would."""
    with contextlib.suppress(RefocusError), open_slide(file_of(data, "slide.tiff")) as slide:
        for plane in slide.info.planes[:3]:
            for number, level in enumerate(slide.info.levels[:3]):
                with contextlib.suppress(RefocusError):
                    high, wide = min(_LARGEST, level.size.height), min(_LARGEST, level.size.width)
                    slide.read_region(plane.index, number, Region(0, 0, high, wide))
        for name in slide.info.associated:
            with contextlib.suppress(RefocusError):
                slide.read_associated(name)
