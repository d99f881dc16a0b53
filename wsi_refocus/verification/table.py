"""Whether the quality table has a row for every cell, agrees with itself, and with the pixels."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import pandas as pd

from wsi_refocus.errors import OutputError
from wsi_refocus.geometry import Region
from wsi_refocus.ngff.checksums import threads
from wsi_refocus.ngff.quality_image import QUALITY_GROUP, draw, drawn_measures, read_quality_image
from wsi_refocus.ngff.stored import StoredLevel, said
from wsi_refocus.ngff.tables import QUALITY_TABLE, read_quality
from wsi_refocus.quality.focus import brenner_gradient
from wsi_refocus.tiling.grid import CELL, CellGrid, CellIndex
from wsi_refocus.verification.decisions import decision_problems
from wsi_refocus.verification.findings import Check, Finding, name_cells
from wsi_refocus.verification.subject import Subject

TABLE = "quality table"
PIXELS = "tile measures"
IMAGE = "quality image"
_COLUMNS = ("iy", "ix", "y", "x", "height", "width", "sharper", "tissue_fraction", "decision", "reason")
_COLUMNS_OF_PIXELS = ("brenner_output",)
_TOLERANCE = 1e-6


class _Tile(NamedTuple):
    """What of a row is compared with its pixels."""

    iy: int
    ix: int
    place: Region
    decision: str
    brenner: float


def check_table(subject: Subject) -> tuple[Check, pd.DataFrame | None]:
    """Look for a row for every cell, at its place, with a decision that agrees with the rest of the row.

    Returns
    -------
    check : Check
        What was found.
    table : DataFrame or None
        The table; None if it cannot be used for anything more.
    """
    try:
        table = read_quality(subject.path)
    except (OutputError, ValueError, KeyError) as error:  # the last two from what pandas notes in a damaged table
        return Check(TABLE, 0, 0, "rows", (Finding(TABLE, QUALITY_TABLE, said(error)),)), None
    missing = [name for name in (*_COLUMNS, *_COLUMNS_OF_PIXELS) if name not in table]
    if missing:
        finding = Finding(TABLE, QUALITY_TABLE, f"has no column {', '.join(missing)}")
        return Check(TABLE, len(table), len(table), "rows", (finding,)), None
    subject.progress.start(TABLE, len(table), "rows")
    problems = list(decision_problems(table, subject.provenance))
    levels = subject.images.get("")
    if levels is not None:
        problems += _place_problems(table, CellGrid(levels[0].size))
    subject.progress.advance(len(table))
    subject.progress.stop()
    findings = tuple(Finding(TABLE, QUALITY_TABLE, problem) for problem in problems)
    return Check(TABLE, len(table), len(table), "rows", findings), table


def _place_problems(table: pd.DataFrame, grid: CellGrid) -> Iterator[str]:
    """What is wrong with the cells that have rows, and with their places."""
    wanted = {cell: grid.region(cell) for cell in grid}
    rows = table[["iy", "ix", "y", "x", "height", "width"]].itertuples(index=False)
    places = [(CellIndex(int(iy), int(ix)), tuple(map(int, place))) for iy, ix, *place in rows]
    counts = Counter(cell for cell, _ in places)
    for problem, cells in (
        ("has no row", [cell for cell in wanted if cell not in counts]),
        ("has several rows", [cell for cell, count in counts.items() if count > 1]),
        ("lies outside the slide", [cell for cell in counts if cell not in wanted]),
        ("has the y, x, height or width of another", [cell for cell, at in places if at != wanted.get(cell, at)]),
    ):
        if cells:
            yield f"{name_cells(cells)}: {problem}"


def check_tiles(subject: Subject, table: pd.DataFrame | None, broken: frozenset[str]) -> Check:
    """Measure tiles of level 0 anew, and compare with their rows; one of each decision at least.

    Parameters
    ----------
    subject
        The output.
    table
        Its quality table.
    broken
        Files that are known to be missing or damaged; tiles in them are left out.
    """
    levels = subject.images.get("")
    if table is None or levels is None:
        return Check(PIXELS, 0, 0, "tiles", skipped=f"{'the table' if table is None else 'level 0'} cannot be used")
    whole = Region.whole(levels[0].size)
    chosen = subject.sample(
        (tile for tile in _tiles(table) if whole.contains(tile.place)), kind=lambda each: each.decision
    )
    findings = []
    subject.progress.start(PIXELS, len(chosen), "tiles")
    with ThreadPoolExecutor(threads()) as pool:
        for problem in pool.map(lambda tile: _tile_problem(levels[0], tile, broken), chosen):
            if problem:
                findings.append(Finding(PIXELS, QUALITY_TABLE, problem))
            subject.progress.advance(1)
    subject.progress.stop()
    return Check(PIXELS, len(chosen), len(table), "tiles", tuple(findings))


def _tiles(table: pd.DataFrame) -> Iterator[_Tile]:
    columns = ["iy", "ix", "y", "x", "height", "width", "decision", "brenner_output"]
    for iy, ix, y, x, height, width, decision, brenner in table[columns].itertuples(index=False):
        yield _Tile(int(iy), int(ix), Region(int(y), int(x), int(height), int(width)), str(decision), float(brenner))


def _tile_problem(level: StoredLevel, tile: _Tile, broken: frozenset[str]) -> str:
    files = level.files_of(tile.place)
    if not broken.isdisjoint(files):
        return ""
    pixels = np.moveaxis(level.read((slice(None), *tile.place.slices)), 0, -1)
    measured = brenner_gradient(np.ascontiguousarray(pixels))
    if math.isclose(measured, tile.brenner, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE):
        return ""
    return (
        f"{name_cells([(tile.iy, tile.ix)])}: brenner_output is {tile.brenner:.6g}, and the pixels in "
        f"{', '.join(files)} give {measured:.6g}; the row or the pixels have changed"
    )


def check_image(subject: Subject, table: pd.DataFrame | None) -> Check:
    """Compare every value of the quality image with the table that it was drawn from."""
    if QUALITY_GROUP not in {*subject.images, *subject.damaged}:
        return Check(IMAGE, 0, 0, "values", skipped="the output has none")
    if table is None or QUALITY_GROUP in subject.damaged or "" not in subject.images:
        return Check(IMAGE, 0, 0, "values", skipped="the table, the image or level 0 cannot be used")
    try:
        image = read_quality_image(subject.path)
        measures = drawn_measures(table)
        shape = CellGrid(subject.images[""][0].size).shape
        names = [name for name in image.names if name in measures]
        drawn = draw(table, {name: measures[name] for name in names}, subject.images[QUALITY_GROUP][0].size, CELL)
    except OutputError as error:
        return Check(IMAGE, 0, 0, "values", (Finding(IMAGE, f"{QUALITY_GROUP}/0", str(error)),))
    except (KeyError, ValueError) as error:  # the check of the table says which row it is
        return Check(IMAGE, 0, 0, "values", skipped=f"the table cannot be drawn ({error})")
    findings = [
        Finding(IMAGE, QUALITY_TABLE, f"its column {name} holds values, and the image has no such channel")
        for name in measures
        if name not in image.names
    ]
    if drawn.shape[1:] != shape:
        said = f"is {drawn.shape[1]} × {drawn.shape[2]}, and the slide has {shape[0]} × {shape[1]} cells"
        findings.append(Finding(IMAGE, f"{QUALITY_GROUP}/0", said))
    for name, plane in zip(names, drawn, strict=True):
        seen = image.planes[image.names.index(name)]
        # outputs of older versions have the same 0 for what was not measured and for what was measured as 0
        wanted = np.where(plane == image.not_measured, np.float32(np.nan), plane)
        for iy, ix in np.argwhere(~((seen == wanted) | (np.isnan(seen) & np.isnan(wanted)))):
            both = f"the table has {wanted[iy, ix]:.6g} and the image {seen[iy, ix]:.6g}"
            findings.append(Finding(IMAGE, QUALITY_TABLE, f"{name_cells([(iy, ix)])}: {name}: {both}; one has changed"))
    return Check(IMAGE, drawn.size, drawn.size, "values", tuple(findings))
