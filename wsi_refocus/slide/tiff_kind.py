"""What kind of TIFF a file is, before a reader is chosen for it."""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import tifffile

from wsi_refocus.errors import RefocusError, SlideError
from wsi_refocus.limits import DIRECTORIES, TILE_BYTES, TILES
from wsi_refocus.slide.cause import cause
from wsi_refocus.slide.file_bytes import FileBytes
from wsi_refocus.slide.ome_elements import is_ome_xml, refuse_entities

logger = logging.getLogger(__name__)

_DAMAGE = (
    OSError,
    ValueError,
    LookupError,
    RuntimeError,
    MemoryError,
    ArithmeticError,
    TypeError,
    AttributeError,
    struct.error,
)
"""What tifffile raises on directories that are damaged."""
_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


@dataclass(frozen=True, slots=True)
class TiffKind:
    """What the directories of a TIFF tell.

    Attributes
    ----------
    is_ome : bool
        Whether it is an OME-TIFF, even one whose OME-XML is broken.
    same_size : int
        How many top-level images are as large as the first.
    """

    is_ome: bool
    same_size: int


def is_tiff(path: str) -> bool:
    """Whether a file starts like a TIFF.

    Raises
    ------
    SlideError
        If it cannot be opened.
    """
    file = FileBytes(path)
    try:
        return file.read_at(0, 4) in _MAGIC
    except OSError as error:
        raise SlideError(f"{path}: cannot be read ({cause(error)}); check the file") from error
    finally:
        file.close()


def tiff_kind(path: str) -> TiffKind:
    """Look at the directories of a TIFF.

    Raises
    ------
    SlideError
        If it is truncated, or no 8-bit RGB image; that of an OME-TIFF is left to its reader.
    """
    file = FileBytes(path)
    try:
        with opened_tiff(file) as tiff:
            first = tiff.pages.first
            if is_ome_xml(first.description):
                return TiffKind(is_ome=True, same_size=1)
            _check_first(first, file)
            shape = (first.imagelength, first.imagewidth)
            same_size = tiles = 0
            for index in range(len(tiff.pages)):
                page = page_of(tiff, index)
                check_segment(page, file.path)
                refuse_entities(page.description, file.path)
                same_size += (page.imagelength, page.imagewidth) == shape
                tiles += len(page.dataoffsets)
                TILES.check(tiles, "tiles", file.path)
            return TiffKind(is_ome=False, same_size=same_size)
    finally:
        file.close()


@contextmanager
def opened_tiff(file: FileBytes) -> Iterator[tifffile.TiffFile]:
    """Open a file as TIFF, for the time of looking at its directories.

    Raises
    ------
    SlideError
        If the directories cannot be read, or the last of them lie beyond the end of the file.
    """
    try:
        file.handle.seek(0)
        with quiet_tifffile(), tifffile.TiffFile(file.handle, name=file.path) as tiff:
            _check_chain(tiff, file)
            yield tiff
    except RefocusError:
        raise
    except _DAMAGE as error:
        raise SlideError(
            f"{file.path}: its TIFF directories cannot be read ({cause(error)}); "
            "the file is truncated or damaged, copy it again"
        ) from error


@contextmanager
def quiet_tifffile() -> Iterator[None]:
    """Keep tifffile from logging: what it complains of is harmless here, or becomes an error of one line."""
    log = logging.getLogger("tifffile")
    log.addFilter(_drop)
    try:
        yield
    finally:
        log.removeFilter(_drop)


def _drop(record: logging.LogRecord) -> bool:
    logger.debug("tifffile: %s", record.getMessage())
    return False


def _check_chain(tiff: tifffile.TiffFile, file: FileBytes) -> None:
    """Refuse a chain of directories that leads beyond the end of the file, which tifffile only logs, or in a circle."""
    _check_count(tiff, file)
    if len(tiff.pages) == 0:
        raise SlideError(f"{file.path}: is a TIFF without images; it is truncated or damaged, copy it again")
    position = tiff.pages.next_page_offset
    if tiff.is_ndpi or position is None:  # Hamamatsu's 64-bit offsets are counted in a way of their own
        return
    field = file.read_at(position, tiff.tiff.offsetsize)
    following = int.from_bytes(field, "little" if tiff.tiff.byteorder == "<" else "big")
    if len(field) < tiff.tiff.offsetsize or following:
        raise SlideError(
            f"{file.path}: ends at byte {file.size}, before its last image; the file is truncated, copy it again"
        )


def _check_count(tiff: tifffile.TiffFile, file: FileBytes) -> None:
    """Refuse too many directories without counting them: a chain that leads back into itself never ends."""
    try:
        _ = tiff.pages[DIRECTORIES.value]
    except IndexError:
        return
    raise SlideError(
        f"{file.path}: has more than {DIRECTORIES.value:,} TIFF directories, or they lead in a circle; copy it again "
        f"if it is damaged, or set {DIRECTORIES.variable} higher if you trust it"
    )


def check_segment(page: tifffile.TiffPage, path: str) -> None:
    """Refuse tiles and strips that memory cannot hold: damage, or an image in one compressed strip.

    Raises
    ------
    SlideError
        If one of them has more than `limits.TILE_BYTES`.
    """
    whole = page.imagelength, page.imagewidth
    high, wide = (page.tilelength, page.tilewidth) if page.is_tiled else (min(page.rowsperstrip, whole[0]), whole[1])
    stored_as_is = page.compression == 1 and not page.is_tiled
    if high < 1 or wide < 1 or (high * wide * page.samplesperpixel > TILE_BYTES.value and not stored_as_is):
        raise SlideError(
            f"{path}: is stored in pieces of {high} × {wide} pixels, which cannot be read one by one; save it with "
            f"tiles, copy it again if it is damaged, or set {TILE_BYTES.variable} higher if you trust it"
        )


def page_of(tiff: tifffile.TiffFile, index: int) -> tifffile.TiffPage:
    """Directory of a TIFF, with all its tags.

    Raises
    ------
    IndexError
        If the TIFF has fewer directories.
    """
    page = tiff.pages[index]
    return page.aspage() if isinstance(page, tifffile.TiffFrame) else page


def _check_first(page: tifffile.TiffPage, file: FileBytes) -> None:
    """Refuse what OpenSlide and tiffslide would show silently as something else."""
    if page.dtype != np.uint8 or page.samplesperpixel not in (3, 4):
        kind = "grey or fluorescence" if page.samplesperpixel == 1 else f"{page.samplesperpixel}-sample"
        bits = page.bitspersample
        raise SlideError(
            f"{file.path}: holds {kind} images of {bits} bits; only 8-bit RGB brightfield slides can be refocused"
            if page.samplesperpixel not in (3, 4)
            else f"{file.path}: holds {page.dtype} pixels; only 8-bit RGB brightfield slides can be refocused"
        )
    ends = [offset + count for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False)]
    if not page.is_ndpi and max(ends, default=0) > file.size:
        raise SlideError(
            f"{file.path}: ends at byte {file.size}, but its image reaches to byte {max(ends)}; "
            "the file is truncated, copy it again"
        )
