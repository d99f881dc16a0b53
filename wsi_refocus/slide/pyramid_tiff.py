"""Writing a slide as one pyramidal, tiled OME-TIFF, which is there whole or not at all; in bounded memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from itertools import product
from pathlib import Path
from typing import TypeAlias

import numpy as np
import tifffile

from wsi_refocus.errors import OutputError
from wsi_refocus.geometry import Region, Size
from wsi_refocus.slide.pyramid_tiff_chain import chain_levels
from wsi_refocus.slide.pyramid_tiff_check import check_pyramid_tiff
from wsi_refocus.slide.pyramid_tiff_codec import Pixels, TileCodec, whole_tile
from wsi_refocus.slide.pyramid_tiff_image import PyramidImage
from wsi_refocus.slide.pyramid_tiff_xml import pyramid_xml
from wsi_refocus.storage.refusals import refusal

TILE = 512
"""Edge of a tile in pixels; that of a chunk of an output, so that none is decoded twice."""
_BLOCK = 4
"""Tiles beside one another that are read and compressed at a time: 3 MB."""
_PARTIAL = ".partial"

Read: TypeAlias = Callable[[int, Region], Pixels]


def write_pyramid_tiff(
    path: Path, image: PyramidImage, read: Read, codec: TileCodec, written: Callable[[int], object]
) -> None:
    """Write a BigTIFF, look at what was written, and only then give it its name; one that is there is replaced.

    The coarser levels are both SubIFDs of the slide and further images of the file, so that readers that know OME-TIFF
    and those that do not see all of them. Label and macro are images of their own. The same slide gives the same bytes.

    Parameters
    ----------
    path
        File to write.
    image
        What is known of the slide.
    read
        Gives the pixels of a region of a level, of shape (height, width, 3); called from several threads.
    codec
        Compression of the tiles.
    written
        Called with the number of tiles that were written since the last call; see `tile_count`.

    Raises
    ------
    NoSpaceError
        If the disk is full.
    OutputError
        If the file cannot be written, or is not what should have been written.
    """
    partial_file = path.with_name(path.name + _PARTIAL)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(partial_file, image, read, codec, written)
        chain_levels(partial_file)
        _settle(partial_file)
        check_pyramid_tiff(partial_file, image, read, codec, TILE)
        partial_file.replace(path)
        _settle(path.parent)
    except OutputError:  # of the check, or of reading: it says all
        raise
    except OSError as error:
        raise refusal(str(path), error) from error
    finally:
        with suppress(OSError):
            partial_file.unlink(missing_ok=True)


def tile_count(image: PyramidImage) -> int:
    """How many tiles the levels of a slide have."""
    return sum(-(-size.height // TILE) * -(-size.width // TILE) for size in image.levels)


def _settle(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(path: Path, image: PyramidImage, read: Read, codec: TileCodec, written: Callable[[int], object]) -> None:
    """Write all directories with their tiles."""
    threads = min(4, os.cpu_count() or 1)
    with (
        ThreadPoolExecutor(threads, "export") as pool,
        tifffile.TiffWriter(path, bigtiff=True, byteorder="<") as tiff,
    ):
        for level, size in enumerate(image.levels):
            with closing(_tiles(pool, 2 * threads, partial(read, level), size, codec, written)) as tiles:
                tiff.write(
                    tiles,
                    shape=(*size, 3),
                    dtype=np.uint8,
                    tile=(TILE, TILE),
                    subifds=len(image.levels) - 1 if level == 0 else None,
                    subfiletype=int(level > 0),
                    description=pyramid_xml(image) if level == 0 else None,
                    resolution=tuple(1e4 / mpp / 2**level for mpp in reversed(image.mpp)),
                    resolutionunit="CENTIMETER",
                    iccprofile=image.icc_profile,
                    software="wsi-refocus" if level == 0 else False,
                    metadata=None,
                    **codec.tags,
                )
        for pixels in image.extras.values():
            tiff.write(
                pixels, photometric="rgb", compression="adobe_deflate", predictor=2, software=False, metadata=None
            )


def _tiles(
    pool: ThreadPoolExecutor,
    ahead: int,
    read: Callable[[Region], Pixels],
    size: Size,
    codec: TileCodec,
    written: Callable[[int], object],
) -> Generator[bytes, None, None]:
    """Compressed tiles of a level, row by row; so many blocks of them are made ahead and no more."""
    pending: deque[Future[list[bytes]]] = deque()
    places = product(range(0, size.height, TILE), range(0, size.width, _BLOCK * TILE))
    try:
        for y, x in places:
            block = Region(y, x, TILE, _BLOCK * TILE).intersection(Region.whole(size))
            pending.append(pool.submit(_compress, read, block, codec))
            if len(pending) >= ahead:
                yield from _done(pending.popleft(), written)
        while pending:
            yield from _done(pending.popleft(), written)
    finally:
        for each in pending:
            each.cancel()


def _done(block: Future[list[bytes]], written: Callable[[int], object]) -> Iterator[bytes]:
    tiles = block.result()
    written(len(tiles))  # before the last tile is handed over, after which nobody asks for more
    yield from tiles


def _compress(read: Callable[[Region], Pixels], block: Region, codec: TileCodec) -> list[bytes]:
    """Read tiles beside one another at once, and compress each."""
    pixels = read(block)
    return [codec.encode(whole_tile(pixels[:, x : x + TILE], TILE)) for x in range(0, block.width, TILE)]
