"""Pictures inside a page."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wsi_refocus.geometry import Size
from wsi_refocus.report.rendering import data_uri

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture and what it shows.

    Attributes
    ----------
    uri : str
        The picture itself, as a data address.
    width, height : int
        Its extent in CSS pixels.
    alt : str
        What it shows, for those who do not see it.
    """

    uri: str
    width: int
    height: int
    alt: str


def jpeg(pixels: Pixels, alt: str, quality: int = 90) -> Picture:
    """Picture of RGB or grey pixels, one to one; colours are not reduced in resolution.

    Parameters
    ----------
    pixels
        Shape (height, width, 3) or (height, width).
    alt
        What it shows.
    quality
        Of JPEG, 1 to 95.
    """
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=0, optimize=True)
    return Picture(data_uri(buffer.getvalue(), "image/jpeg"), pixels.shape[1], pixels.shape[0], alt)


def png(pixels: Pixels, alt: str) -> Picture:
    """Picture of RGB or RGBA pixels without loss."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    return Picture(data_uri(buffer.getvalue(), "image/png"), pixels.shape[1], pixels.shape[0], alt)


def fitted(pixels: Pixels, size: Size) -> Pixels:
    """Resize to an extent, with an antialiasing filter."""
    return np.asarray(Image.fromarray(pixels).resize((size.width, size.height), Image.Resampling.LANCZOS))


def fitting(size: Size, edge: int) -> Size:
    """The extent in the same proportions whose longer side is ``edge``, or as it is if that is smaller."""
    scale = min(1.0, edge / max(size))
    return Size(max(1, round(size.height * scale)), max(1, round(size.width * scale)))
