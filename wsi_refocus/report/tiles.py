"""Single tiles at full resolution: both shots and the output beside one another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wsi_refocus.errors import RefocusError
from wsi_refocus.geometry import Region
from wsi_refocus.ngff.store import read_level
from wsi_refocus.report.contents import Contents
from wsi_refocus.report.images import Picture, jpeg
from wsi_refocus.report.rendering import number
from wsi_refocus.report.shots import Shots
from wsi_refocus.report.wording import MEASURES, measure, unit_of, written

SHOWN = 10
"""Tiles in a gallery."""
EDGE = 256
"""Edge in pixels of the part of a tile that is shown."""
_FACTS = (
    "gain_bound", "gain_predicted", "psnr_bound", "change", "chi2_first", "chi2_second", "unvouched", "disagreement",
    "network_disagreement", "drift_um", "psnr_output", "psnr_first", "psnr_second", "tissue_fraction",
)  # fmt: skip

_LIMITS = {"chi2_first": "chi2", "chi2_second": "chi2"}
"""Limits that have another name than the column they hold for."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Fact:
    """One number of a tile, and the limit that it was held against."""

    column: str
    label: str
    value: str
    unit: str
    limit: str


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile of a gallery.

    Attributes
    ----------
    anchor : str
        Identifier within the page.
    row, column : int
        Of the cell, counted from 1.
    place : Region
        Pixels that are shown.
    decision, reason : str
        What was done, and why.
    written : str
        Whose pixels the output has there.
    pictures : list of (str, Picture)
        Caption and picture of the shots, where they can be read, and of the output.
    facts : list of Fact
        What was measured.
    problem : str
        Why pictures are missing; empty if none are.
    seen_at : str
        Anchor of the gallery where the tile is shown already, or nothing.
    """

    anchor: str
    row: int
    column: int
    place: Region
    decision: str
    reason: str
    written: str
    pictures: list[tuple[str, Picture]]
    facts: list[Fact]
    problem: str = ""
    seen_at: str = ""


def weakest_by(contents: Contents) -> str | None:
    """Column that tells which tiles are to be believed least: the bound of the gain, or else of PSNR."""
    return next((column for column in ("gain_bound", "psnr_bound") if contents.measured(column).size), None)


def ranked(contents: Contents, column: str, *, ascending: bool) -> pd.DataFrame:
    """The first ten rows with tissue by a column; equal ones in the order of the table."""
    rows = contents.tissue.sort_values(column, ascending=ascending, kind="stable", na_position="last")
    measured: pd.DataFrame = rows[np.isfinite(rows[column].to_numpy(float))]
    return measured.iloc[:SHOWN]


def gallery(
    contents: Contents, rows: pd.DataFrame, shots: Shots | None, prefix: str, seen: Mapping[tuple[int, int], str]
) -> list[Tile]:
    """Make the pictures of some tiles.

    Parameters
    ----------
    contents
        The output.
    rows
        Rows of the quality table, in the order to show.
    shots
        The shots on the output's grid, if they can be read.
    prefix
        Start of the anchors.
    seen
        Anchors of the tiles (row and column of the cell) that the page shows elsewhere: they get no pictures again.
    """
    readable = shots if shots is not None and shots.aligned else None
    tiles = []
    for rank, (_, row) in enumerate(rows.iterrows(), start=1):
        cell = Region(int(row["y"]), int(row["x"]), int(row["height"]), int(row["width"]))
        earlier = seen.get((int(row["iy"]), int(row["ix"])), "")
        place, pictures, problem = _pictures(contents, row, cell, readable) if not earlier else (cell, [], "")
        tiles.append(
            Tile(
                f"{prefix}-{rank}",
                int(row["iy"]) + 1,
                int(row["ix"]) + 1,
                place,
                str(row["decision"]),
                str(row["reason"] or ""),
                str(row["written"]),
                pictures,
                list(_facts(contents, row)),
                problem,
                earlier,
            )
        )
    return tiles


def anchors(tiles: Sequence[Tile]) -> dict[tuple[int, int], str]:
    """Where the tiles of a gallery are, by row and column of their cells."""
    return {(tile.row - 1, tile.column - 1): tile.anchor for tile in tiles if not tile.seen_at}


def sharper_is_first(contents: Contents, row: pd.Series) -> bool:
    """Whether the first plane of the pair is the sharper shot of a cell."""
    return contents.planes is None or int(row["sharper"]) != contents.planes[1]


def most_different(first: Pixels, second: Pixels, edge: int = EDGE) -> tuple[int, int]:
    """Corner (y, x) of the square in which two pictures differ most, in the mean of absolute differences."""
    difference = np.abs(first.astype(np.int16) - second).sum(axis=2).astype(np.int64)
    sums = np.pad(difference.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    height, width = min(edge, difference.shape[0]), min(edge, difference.shape[1])
    squares = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    y, x = np.unravel_index(int(squares.argmax()), squares.shape)
    return int(y), int(x)


def _pictures(
    contents: Contents, row: pd.Series, cell: Region, shots: Shots | None
) -> tuple[Region, list[tuple[str, Picture]], str]:
    """Part of the cell that is shown, its pictures, and why the shots are missing."""
    output = read_level(contents.path, 0, cell)
    captions: list[tuple[str, Pixels]] = []
    problem = ""
    try:
        both = shots.read(cell) if shots is not None else None
    except RefocusError as error:
        both, problem = None, str(error)
    if both is None:
        y, x = max(0, cell.height - EDGE) // 2, max(0, cell.width - EDGE) // 2
    else:
        sharper, other = both if sharper_is_first(contents, row) else both[::-1]
        # where the output is the sharper shot, what counts is how much the shots differ
        y, x = most_different(output if (output != sharper).any() else other, sharper)
        planes = contents.planes or ("?", "?")
        named = planes if sharper_is_first(contents, row) else planes[::-1]
        captions += [(f"sharper shot (plane {named[0]})", sharper), (f"other shot (plane {named[1]})", other)]
    captions.append((_output_caption(row), output))
    part = Region(y, x, min(EDGE, cell.height), min(EDGE, cell.width))
    where = f"tile in row {int(row['iy']) + 1}, column {int(row['ix']) + 1}"
    pictures = [
        (caption, jpeg(np.ascontiguousarray(pixels[part.slices]), f"{caption}, {where}: {_gist(contents, row)}"))
        for caption, pixels in captions
    ]
    return part.shifted(cell.y, cell.x), pictures, problem


def _output_caption(row: pd.Series) -> str:
    if row["written"] == "refocused":
        return "output, refocused"
    return f"output = {row['written']}, as captured"


def _gist(contents: Contents, row: pd.Series) -> str:
    """Decision and main numbers in a few words."""
    parts = [str(row["decision"])]
    for column in ("gain_bound", "psnr_bound", "change"):
        if column in row and np.isfinite(row[column]):
            value = written(column, row[column], unit_of(contents.units, column))
            parts.append(f"{measure(column).label} {value}")
    return ", ".join(parts)


def _facts(contents: Contents, row: pd.Series) -> Iterator[Fact]:
    """What was measured of a tile, with the limits that its run had."""
    limits: Any = contents.part("trust").get("limits")
    known = limits if isinstance(limits, Mapping) else {}
    for column in _FACTS:
        if column in row and column in MEASURES and np.isfinite(row[column]):
            limit = known.get(_LIMITS.get(column, column))
            yield Fact(
                column,
                measure(column).brief,
                written(column, row[column]),
                unit_of(contents.units, column),
                number(limit, measure(column).digits) if isinstance(limit, int | float) else "",
            )
