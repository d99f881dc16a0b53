"""Damage in a JPEG stream that decoders pass over silently, filling the rest of the picture with grey."""

from __future__ import annotations

import numpy as np

_PADDING = 64


def jpeg_damage(data: bytes) -> str | None:
    """Look for damage that shows in the structure of a baseline JPEG stream.

    libjpeg only warns of a stream that ends early or holds stray markers, and its callers do not see the
    warning. Wrong bits that form valid codes cannot be told from a picture.

    Parameters
    ----------
    data
        Encoded tile, with or without its tables.

    Returns
    -------
    str or None
        What is wrong; None if nothing is seen, or if the stream is not a baseline one.
    """
    if data[:2] != b"\xff\xd8":
        return "does not start like a JPEG"
    scan = data.find(b"\xff\xda")
    if scan < 0:
        return "has no scan"
    if not any(frame in data[:scan] for frame in (b"\xff\xc0", b"\xff\xc1")):
        return None
    end = data.find(b"\xff\xd9", scan)
    if end < 0:
        return "ends early"
    if len(data) - end - 2 > _PADDING:
        return "ends before its data do"
    start = scan + 2 + int.from_bytes(data[scan + 2 : scan + 4], "big")
    coded = np.frombuffer(data, np.uint8, end + 2 - start, start) if start < end else np.empty(0, np.uint8)
    following = coded[np.flatnonzero(coded[:-1] == 0xFF) + 1][:-1]
    restarts = (following >= 0xD0) & (following <= 0xD7) & (b"\xff\xdd" in data[:scan])
    if not np.all((following == 0) | (following == 0xFF) | restarts):
        return "has stray markers"
    return None
