"""Pictures that are read whole from files of their own, such as PNG or JPEG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wsi_refocus.errors import SlideError
from wsi_refocus.limits import PICTURE_PIXELS
from wsi_refocus.slide.cause import cause


def read_picture(path: str | Path) -> NDArray[np.uint8]:
    """Read a picture; its size is known before it is decoded.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    ndarray of shape (height, width, 3)
        RGB.

    Raises
    ------
    SlideError
        If it cannot be read, or has more pixels than `limits.PICTURE_PIXELS`.
    """
    limit = PICTURE_PIXELS.value
    if Image.MAX_IMAGE_PIXELS is not None and limit > Image.MAX_IMAGE_PIXELS:
        Image.MAX_IMAGE_PIXELS = limit  # Pillow's own limit must not be in the way of one that was raised
    try:
        with Image.open(path) as image:
            PICTURE_PIXELS.check(image.width * image.height, "pixels", str(path))
            return np.asarray(image.convert("RGB"))
    except SlideError:
        raise
    except Image.DecompressionBombError as error:
        raise SlideError(f"{path}: {cause(error)}; set {PICTURE_PIXELS.variable} higher if you trust it") from None
    except Exception as error:  # Pillow passes on what its many parsers raise
        raise SlideError(f"{path}: cannot be read as an image ({cause(error)}); take it away or mend it") from None
