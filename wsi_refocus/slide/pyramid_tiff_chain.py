"""Joining the levels of a TIFF's pyramid to the chain of its images, where older readers look for them."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import tifffile

_COUNT, _ENTRY, _OFFSET = 8, 20, 8
"""Bytes of a BigTIFF directory: the number of its entries, an entry, and the place of the next directory."""


def chain_levels(path: Path) -> None:
    """Let the directories that hold the coarser levels follow those of the images.

    By OME's rules the levels are SubIFDs of the first image, which Bio-Formats, QuPath and tifffile follow; OpenSlide
    and libvips only know the chain from one directory to the next. A directory can be in both. The images come first in
    the chain, so that the numbers by which OME-XML names them hold whether or not a reader counts levels as well.

    Parameters
    ----------
    path
        Little-endian BigTIFF whose first image has its levels as SubIFDs.
    """
    with tifffile.TiffFile(path) as tiff:
        levels = [int(offset) for offset in tiff.pages.first.subifds or ()]
        last = int(tiff.pages[len(tiff.pages) - 1].offset)
    with path.open("r+b") as file:
        for level in levels:
            _let_follow(file, last, level)
            last = level
        _let_follow(file, last, 0)


def _let_follow(file: BinaryIO, directory: int, following: int) -> None:
    file.seek(directory)
    entries = int.from_bytes(file.read(_COUNT), "little")
    file.seek(directory + _COUNT + _ENTRY * entries)
    file.write(following.to_bytes(_OFFSET, "little"))
