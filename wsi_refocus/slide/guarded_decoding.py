"""Decoding a tile of a TIFF in memory that is known beforehand."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import tifffile

from wsi_refocus.errors import SlideError
from wsi_refocus.slide.declared_size import declared_size

_PICTURES = frozenset({6, 7, 33003, 33004, 33005, 33007, 34712, 34892, 34933, 50001})
"""JPEG, JPEG 2000, PNG and WebP: their decoders allocate what a tile's own header says."""
_UNBOUNDED = frozenset({34887, *tifffile.TIFF.IMAGE_COMPRESSIONS} - _PICTURES)
"""Compressions whose decoders do the same, and whose headers are not read here."""
_MOST_SAMPLES = 4

Decode = Callable[..., tuple[Any, Any, Any]]


def guarded_decoder(page: tifffile.TiffPage, path: str) -> Decode:
    """Decoder of a directory's tiles; those that say to be larger than the directory has them are not decoded.

    Byte compressions, such as deflate, LZW and Zstandard, are decoded into as many bytes as a tile has anyway.

    Parameters
    ----------
    page
        The directory.
    path
        Its file, for messages.

    Returns
    -------
    callable
        As ``page.decode``; raises ValueError for such tiles.

    Raises
    ------
    SlideError
        If what the decoder would allocate cannot be known.
    """
    if page.compression in _UNBOUNDED:
        name = getattr(page.compression, "name", page.compression)
        raise SlideError(f"{path}: is compressed with {name}, whose tiles can be of any size; convert it to JPEG")
    decode: Decode = page.decode
    if page.compression not in _PICTURES:
        return decode
    high, wide = (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, page.imagewidth)

    @wraps(decode)
    def guarded(data: bytes | None, index: int, **options: Any) -> tuple[Any, Any, Any]:
        if data is not None:
            declared = declared_size(data)
            if declared is None:
                raise ValueError("its header is broken")
            if declared.height > high or declared.width > wide or declared.samples > _MOST_SAMPLES:
                raise ValueError(f"says to be {declared.height} × {declared.width} pixels instead of {high} × {wide}")
        return decode(data, index, **options)

    return guarded
