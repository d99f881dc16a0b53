"""What an archive keeps of a finished slide: numbers and two small pictures."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wsi_refocus.errors import RefocusError
from wsi_refocus.geometry import Size
from wsi_refocus.report.contents import Contents
from wsi_refocus.report.images import fitted, fitting
from wsi_refocus.report.shots import opened_shots

logger = logging.getLogger(__name__)

PICTURE_EDGE = 240
"""Pixels along the longer side of a picture."""


def facts_of(contents: Contents) -> dict[str, Any]:
    """Numbers of a finished output that its archive is compared by.

    Parameters
    ----------
    contents
        The output, read.

    Returns
    -------
    dict
        ``bounds``: 10th percentile and median over the tissue of ``psnr_bound`` and ``gain_bound``, in dB;
        ``drift_um``: 10th, 50th and 90th percentile of the height of the section; ``mpp``: µm per pixel (y, x).
    """
    return {
        "bounds": {name: _spread(contents, name, (10, 50)) for name in ("psnr_bound", "gain_bound")},
        "drift_um": _spread(contents, "drift_um", (10, 50, 90)),
        "mpp": contents.mpp,
    }


def pictures_of(contents: Contents) -> Iterator[tuple[str, bytes]]:
    """Small pictures of a finished output: ``after.jpg``, and ``before.jpg`` if its shots can be read.

    Parameters
    ----------
    contents
        The output, read.

    Yields
    ------
    tuple of str and bytes
        Name and content, as JPEG.
    """
    after = contents.overview()
    size = fitting(Size(*after.shape[:2]), PICTURE_EDGE)
    yield "after.jpg", _jpeg(fitted(after, size))
    try:
        with opened_shots(contents) as shots:
            yield "before.jpg", _jpeg(fitted(shots.overview(), size))
    except RefocusError as error:
        logger.info("%s: no picture of it as captured (%s)", contents.path, error)


def _spread(contents: Contents, column: str, percents: tuple[int, ...]) -> dict[str, float] | None:
    values = contents.measured(column)
    if not len(values):
        return None
    found = np.percentile(values, percents)
    return {
        "median" if percent == 50 else f"p{percent}": float(value)
        for percent, value in zip(percents, found, strict=True)
    }


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
