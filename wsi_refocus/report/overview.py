"""The slide before and after, whole and in one place at full resolution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.geometry import Region, Size
from wsi_refocus.ngff.store import read_level
from wsi_refocus.pipeline.preview import telling_place
from wsi_refocus.report.contents import Contents
from wsi_refocus.report.images import Picture, fitted, fitting, jpeg
from wsi_refocus.report.shots import Shots
from wsi_refocus.report.tiles import sharper_is_first

_EDGE = 1200
"""Pixels along the longer side of the whole slide's pictures."""
_DETAIL = 576
"""Pixels along a side of the place at full resolution."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The same place twice.

    Attributes
    ----------
    before, after : Picture
        As captured, and as written.
    place : Region
        Where it is on the slide.
    row, column : int
        Of the cell in its middle, counted from 1.
    """

    before: Picture
    after: Picture
    place: Region
    row: int = 1
    column: int = 1


def after_picture(overview: NDArray[np.uint8], alt: str) -> Picture:
    """Picture of the whole output."""
    return jpeg(fitted(overview, fitting(Size(*overview.shape[:2]), _EDGE)), alt, quality=85)


def before_picture(shots: Shots, like: Picture) -> Picture:
    """Picture of the whole captured slide, in the extent of the picture after.

    Raises
    ------
    SlideError
        If the slide cannot be read.
    """
    alt = f"The whole slide as captured in plane {shots.grid_plane}, the sharper one over the slide."
    return jpeg(fitted(shots.overview(), Size(like.height, like.width)), alt, quality=85)


def detail(contents: Contents, shots: Shots) -> Pair:
    """One telling place at full resolution: of the refocused tiles full of tissue, that with the most detail.

    Raises
    ------
    SlideError
        If the shots cannot be read.
    """
    table, size = contents.table, contents.size
    found = telling_place(table, size)
    y, x = found.y + found.height // 2, found.x + found.width // 2
    place = _around(y, x, size)
    row = table[(table["y"] <= y) & (table["x"] <= x)].iloc[-1]
    first, second = shots.read(place)
    sharper, plane = (first, 0) if sharper_is_first(contents, row) else (second, 1)
    number, column = int(row["iy"]) + 1, int(row["ix"]) + 1
    where = f"at full resolution in row {number}, column {column}"
    named = "" if contents.planes is None else f", plane {contents.planes[plane]},"
    return Pair(
        jpeg(sharper, f"The sharper shot{named} {where}."),
        jpeg(read_level(contents.path, 0, place), f"The output {where}: {row['decision']}."),
        place,
        number,
        column,
    )


def _around(y: int, x: int, size: Size) -> Region:
    """Square around a pixel, moved and cut to lie on the slide."""
    height, width = min(_DETAIL, size.height), min(_DETAIL, size.width)
    top = min(max(0, y - height // 2), size.height - height)
    left = min(max(0, x - width // 2), size.width - width)
    return Region(top, left, height, width)
