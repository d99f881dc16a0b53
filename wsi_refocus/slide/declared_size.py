"""How large the picture in an encoded tile says it is: asked before a decoder allocates it."""

from __future__ import annotations

import struct
from typing import NamedTuple

_BARE_MARKERS = frozenset({0x01, *range(0xD0, 0xD8)})
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})


class Declared(NamedTuple):
    """What a picture's own header says.

    Attributes
    ----------
    height, width : int
        Extent in pixels.
    samples : int
        Samples of a pixel.
    """

    height: int
    width: int
    samples: int


def declared_size(data: bytes) -> Declared | None:
    """Read the header of a JPEG, JPEG 2000, PNG or WebP picture.

    Parameters
    ----------
    data
        The encoded picture.

    Returns
    -------
    Declared or None
        None if it is none of these, or its header is broken.
    """
    try:
        if data[:2] == b"\xff\xd8":
            return _jpeg(data)
        if data[:4] == b"\xff\x4f\xff\x51":
            return _jpeg_2000(data, 0)
        if data[:8] == b"\0\0\0\x0cjP  ":
            return _jp2(data)
        if data[:8] == b"\x89PNG\r\n\x1a\n" and data[12:16] == b"IHDR":
            width, height = struct.unpack_from(">II", data, 16)
            return Declared(height, width, 4)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp(data)
    except (struct.error, IndexError):
        pass
    return None


def _jpeg(data: bytes) -> Declared | None:
    """Walk from marker to marker; what lies between two of them is refused, as it could hide a third."""
    at = 2
    while data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # padding
            at += 1
        elif marker in _BARE_MARKERS:
            at += 2
        elif marker in _FRAMES:
            height, width, samples = struct.unpack_from(">HHB", data, at + 5)
            return Declared(height, width, samples)
        elif marker in (0x00, 0xD8, 0xD9, 0xDA):
            return None
        else:
            at += 2 + max(2, struct.unpack_from(">H", data, at + 2)[0])
    return None


def _jpeg_2000(data: bytes, start: int) -> Declared:
    right, bottom, left, top = struct.unpack_from(">IIII", data, start + 8)
    samples = struct.unpack_from(">H", data, start + 40)[0]
    return Declared(max(0, bottom - top), max(0, right - left), samples)


def _jp2(data: bytes) -> Declared | None:
    """Follow the boxes of a file to its code stream."""
    at = 0
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if length == 1:
            length, head = struct.unpack_from(">Q", data, at + 8)[0], 16
        if kind == b"jp2c":
            return _jpeg_2000(data, at + head) if data[at + head : at + head + 4] == b"\xff\x4f\xff\x51" else None
        if length < head:
            return None
        at += length
    return None


def _webp(data: bytes) -> Declared | None:
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
    elif kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif kind == b"VP8 ":
        width, height = (value & 0x3FFF for value in struct.unpack_from("<HH", data, 26))
    else:
        return None
    return Declared(height, width, 4)
