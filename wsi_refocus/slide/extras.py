"""What a slide file holds beside its planes: the readers that leave it to a library share how it is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PIL import ImageCms

from wsi_refocus.errors import SlideError
from wsi_refocus.limits import PICTURE_PIXELS


def bearable_pictures(pixels: Mapping[str, int], path: str, notes: list[str]) -> tuple[str, ...]:
    """Names of the associated images that are not too large, in alphabetical order.

    Parameters
    ----------
    pixels
        Pixels of every image.
    path
        The file, for the notes.
    notes
        Where it is noted what is left out.
    """
    names = []
    for name in sorted(pixels):
        try:
            PICTURE_PIXELS.check(pixels[name], f"pixels in its {name}", path)
        except SlideError as error:
            notes.append(f"an image is left out: {error}")
        else:
            names.append(name)
    return tuple(names)


def icc_profile(slide: Any, notes: list[str]) -> bytes | None:
    """ICC profile of an open OpenSlide or TiffSlide; a broken one is left out, with a note."""
    try:
        profile = slide.color_profile
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        notes.append("the ICC profile is broken, and left out")
        return None
    return None if profile is None else bytes(profile.tobytes())
