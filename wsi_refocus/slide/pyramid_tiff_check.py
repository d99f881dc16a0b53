"""Looking at a pyramidal TIFF that was written, as those who will open it do."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import openslide

from wsi_refocus.errors import OutputError, SlideError
from wsi_refocus.geometry import Region, Size
from wsi_refocus.slide.ome_tiff import OmeTiffSource
from wsi_refocus.slide.pyramid_tiff_codec import Pixels, TileCodec, whole_tile
from wsi_refocus.slide.pyramid_tiff_image import PyramidImage


def check_pyramid_tiff(
    path: Path,
    image: PyramidImage,
    read: Callable[[int, Region], Pixels],
    codec: TileCodec,
    tile: int,
    *,
    every: bool = False,
) -> None:
    """Open a file as OME-TIFF and with OpenSlide, and compare its levels, and some tiles of each, with the slide.

    Parameters
    ----------
    path
        The file.
    image
        What it should hold.
    read
        Gives the pixels that it should hold, before compression.
    codec
        Compression of its tiles.
    tile
        Edge of a tile in pixels.
    every
        Whether all tiles are compared, which takes as long as writing them; else the first, the middle and the last of
        every level.

    Raises
    ------
    OutputError
        If it cannot be opened or holds something else.
    """
    try:
        with OmeTiffSource(str(path)) as found:
            _require(path, "levels", tuple(level.size for level in found.info.levels), image.levels)
            _require(path, "planes", len(found.info.planes), 1)
            _require(path, "further images", set(found.info.associated), {name.lower() for name in image.extras})

            def compare(level: int, place: Region) -> None:
                wanted = _kept(read(level, place), codec, tile)
                if not np.array_equal(found.read_region(0, level, place), wanted):
                    raise _wrong(path, f"other pixels at y={place.y}, x={place.x} of level {level}")

            with ThreadPoolExecutor(min(4, os.cpu_count() or 1), "check") as pool:
                for level, size in enumerate(image.levels):
                    deque(pool.map(partial(compare, level), _places(size, tile, every)), maxlen=0)
        with openslide.OpenSlide(path) as slide:
            sizes = tuple(Size(height, width) for width, height in slide.level_dimensions)
        _require(path, "levels for OpenSlide", sizes, image.levels)
    except (SlideError, openslide.OpenSlideError) as error:
        raise _wrong(path, f"what cannot be read ({error})") from error


def _places(size: Size, tile: int, every: bool) -> list[Region]:
    """Tiles of a level: all, or the first, the middle and the last."""
    rows, columns = (-(-side // tile) for side in size)
    chosen = [(part * (rows - 1) // 2, part * (columns - 1) // 2) for part in range(3)]
    squares = (
        Region(row * tile, column * tile, tile, tile)
        for row, column in (product(range(rows), range(columns)) if every else dict.fromkeys(chosen))
    )
    return [square.intersection(Region.whole(size)) for square in squares]


def _kept(pixels: Pixels, codec: TileCodec, tile: int) -> Pixels:
    """What compression leaves of the pixels of a tile, of which some may lie outside of the slide."""
    return codec.decoded(whole_tile(pixels, tile))[: pixels.shape[0], : pixels.shape[1]]


def _require(path: Path, what: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise _wrong(path, f"other {what} than it should")


def _wrong(path: Path, what: str) -> OutputError:
    return OutputError(f"{path}: was written, but holds {what}; check the disk and export the slide again")
