"""Small pictures of slides, small enough for a page of thousands."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from wsi_refocus.archive.overview.rows import Row
from wsi_refocus.geometry import Size
from wsi_refocus.report.images import Picture, fitting
from wsi_refocus.report.rendering import data_uri

EDGE = 144
"""CSS pixels along the longer side."""
_LARGEST = 4_500
"""Bytes of one, before it is written as text."""
_QUALITIES = (80, 65, 50, 35, 20)
MOST_SLIDES = 500
"""Slides whose pictures a page holds."""


def pictured(rows: Sequence[Row]) -> set[str]:
    """Keys of the slides whose pictures are shown: all, or those that failed or are unusual and as many others.

    Parameters
    ----------
    rows
        All slides, in the order of the page.
    """
    first = sorted(rows, key=lambda row: not (row["state"] == "failed" or row["unusual"]))
    return {row["key"] for row in first[:MOST_SLIDES]}


def thumbnail(file: Path, alt: str) -> Picture | None:
    """Picture of a slide from the ledger; None where none that can be read was kept.

    Parameters
    ----------
    file
        JPEG in the ledger.
    alt
        What it shows.
    """
    try:
        with Image.open(file, formats=["JPEG"]) as image:
            size = fitting(Size(image.height, image.width), EDGE)
            image.draft("RGB", (size.width, size.height))
            small = image.convert("RGB").resize((size.width, size.height), Image.Resampling.LANCZOS)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    for quality in _QUALITIES:
        buffer = io.BytesIO()
        small.save(buffer, "JPEG", quality=quality, optimize=True)
        if buffer.tell() <= _LARGEST:
            break
    return Picture(data_uri(buffer.getvalue(), "image/jpeg"), size.width, size.height, alt)
