"""What kind of TIFF a file is, before a reader is chosen for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import tifffile

from wsi_refocus.errors import SlideError
from wsi_refocus.slide.file_bytes import FileBytes
from wsi_refocus.slide.ome_xml import is_ome_xml

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
        raise SlideError(f"{path}: cannot be read ({error}); check the file") from error
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
            sizes = [(page.imagelength, page.imagewidth) for page in tiff.pages]
            return TiffKind(is_ome=False, same_size=sizes.count(shape))
    finally:
        file.close()


@contextmanager
def opened_tiff(file: FileBytes) -> Iterator[tifffile.TiffFile]:
    """Open a file as TIFF, for the time of looking at its directories.

    Raises
    ------
    SlideError
        If the directories cannot be read.
    """
    try:
        file.handle.seek(0)
        with tifffile.TiffFile(file.handle, name=file.path) as tiff:
            yield tiff
    except SlideError:
        raise
    except (tifffile.TiffFileError, OSError, ValueError, LookupError, RuntimeError, MemoryError) as error:
        raise SlideError(
            f"{file.path}: its TIFF directories cannot be read ({error!s:.80}); "
            "the file is truncated or damaged, copy it again"
        ) from error


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
    # Hamamatsu's 64-bit offsets are counted in a way of their own
    ends = [offset + count for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False)]
    if not page.is_ndpi and max(ends, default=0) > file.size:
        raise SlideError(
            f"{file.path}: ends at byte {file.size}, but its image reaches to byte {max(ends)}; "
            "the file is truncated, copy it again"
        )
