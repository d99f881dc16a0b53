"""The page of a comparison: maps of the differences, and the cells that differ most at full resolution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.geometry import Region, Size
from wsi_refocus.report.cellmap import CellMap, ColourBar, Label, underlay
from wsi_refocus.report.compare_cells import CellDifference
from wsi_refocus.report.compare_sides import Pair
from wsi_refocus.report.images import Picture, png
from wsi_refocus.report.rendering import number, render
from wsi_refocus.report.tiles import most_different
from wsi_refocus.report.wording import measure
from wsi_refocus.tiling.grid import CELL, CellGrid

if TYPE_CHECKING:
    from wsi_refocus.report.compare import Comparison

EDGE = 256
"""Edge in pixels of the part of a cell that is shown."""
_FACTORS = (1, 2, 4, 8, 16, 32)
_STRONG = 160
"""Grey level that the strongest differences shown should reach, at least, if a factor can do it."""
_WITH_NUMBERS = 12
_NARROW = 0.4

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Triplet:
    """A cell at full resolution.

    Attributes
    ----------
    row, column : int
        Of the cell, counted from 1.
    place : Region
        Pixels that are shown.
    pictures : list of (str, Picture)
        Caption and picture of A, of B, and of their difference.
    facts : list of (str, str)
        What was measured over the whole cell.
    """

    row: int
    column: int
    place: Region
    pictures: list[tuple[str, Picture]]
    facts: list[tuple[str, str]]


def comparison_page(pair: Pair, differences: Sequence[CellDifference], found: Comparison) -> str:
    """Make the page.

    Parameters
    ----------
    pair
        Both sides, open.
    differences
        How every cell differs.
    found
        What they come to.

    Returns
    -------
    str
        HTML document that loads nothing from elsewhere.
    """
    parts = [_part(pair, each) for each in found.worst]
    factor = _factor([difference for _, _, _, difference in parts])
    triplets = [_triplet(pair, each, part, factor) for each, part in zip(found.worst, parts, strict=True)]
    size = pair.a.size
    return render(
        "compare.html.j2",
        found=found,
        is_truth=pair.b is None,
        name=pair.a.name,
        rows=found.rows(),
        maps=[each for each in _maps(differences, size) if each is not None],
        underlay=underlay(pair.a.overview()),
        triplets=triplets,
        factor=factor,
        outline=(size.width / CELL, size.height / CELL),
        labels={column: measure(column).label for column in found.gain},
        statement=pair.a.provenance.get("statement") or "Computed, not captured.",
        cell=CELL,
    )


def _maps(differences: Sequence[CellDifference], size: Size) -> list[CellMap | None]:
    """Maps of PSNR, SSIM and mean absolute difference."""
    return [
        _map("psnr", "PSNR of A against B", "dB", 1, differences, size, lambda each: each.psnr),
        _map("ssim", "SSIM of A against B", "", 2, differences, size, lambda each: each.ssim),
        _map("absolute", "Mean absolute difference", "grey levels", 1, differences, size, lambda each: each.absolute),
    ]


def _map(
    key: str,
    title: str,
    unit: str,
    digits: int,
    differences: Sequence[CellDifference],
    size: Size,
    value: Callable[[CellDifference], float],
) -> CellMap | None:
    """Draw a measure over the cells with tissue; dotted where both sides are the same."""
    from matplotlib import colormaps

    shape = CellGrid(size).shape
    plane, same = np.full(shape, np.nan), np.zeros(shape, np.bool_)
    for each in differences:
        if each.is_tissue:
            same[each.cell] = each.squared == 0
            plane[each.cell] = np.nan if same[each.cell] else value(each)
    known = plane[np.isfinite(plane)]
    if not known.size and not same.any():
        return None
    low, middle, high = map(float, np.quantile(known, [0, 0.5, 1])) if known.size else (0.0, 0.5, 1.0)
    shares = (plane - low) / (high - low) if high > low else np.where(np.isfinite(plane), 0.5, np.nan)
    colours = colormaps["cividis" if key != "absolute" else "cividis_r"]
    pixels = colours(np.nan_to_num(shares), bytes=True)
    pixels[~np.isfinite(plane), 3] = 0
    ends = [f"{number(each, digits)} {unit}".strip() for each in (low, middle, high)]
    alt = f"{title} over the slide: {known.size} tiles from {ends[0]} to {ends[2]}, median {ends[1]}"
    bar = ColourBar(
        png(colours(np.linspace(0, 1, 256)[np.newaxis], bytes=True), ""),
        number(low, digits),
        number((low + high) / 2, digits),
        number(high, digits),
        unit,
    )
    return CellMap(
        key,
        title,
        f"{alt}; {int(same.sum())} tiles the same on both sides.",
        size.width / CELL,
        size.height / CELL,
        {"background": _squares(same)} if same.any() else {},
        _labels(plane, shares, digits, size) if max(shape) <= _WITH_NUMBERS else [],
        png(pixels, ""),
        bar,
    )


def _squares(mask: NDArray[np.bool_]) -> str:
    return "".join(f"M{x} {y}h1v1h-1z" for y, x in np.argwhere(mask).tolist())


def _labels(plane: Floats, shares: Floats, digits: int, size: Size) -> list[Label]:
    """The value of every cell that is wide enough, so that colour is not all there is."""
    grid = CellGrid(size)
    labels = []
    for cell in grid:
        place = grid.region(cell)
        height, width = place.height / CELL, place.width / CELL
        if np.isfinite(plane[cell]) and min(height, width) >= _NARROW:
            colour = "#fff" if shares[cell] < 0.55 else "#000"
            text = number(float(plane[cell]), digits)
            labels.append(Label(cell.ix + width / 2, cell.iy + height / 2, text, colour))
    return labels


def _part(pair: Pair, difference: CellDifference) -> tuple[Region, Pixels, Pixels, Pixels]:
    """The square of a cell that differs most: where it is, both sides, and their absolute difference in grey levels."""
    place = difference.place
    a, b = pair.read_a(place), pair.read_b(place)
    y, x = most_different(a, b, EDGE)
    part = Region(y, x, min(EDGE, place.height), min(EDGE, place.width))
    one, two = a[part.slices], b[part.slices]
    absolute = np.abs(one.astype(np.int16) - two).max(axis=2).astype(np.uint8)
    return part.shifted(place.y, place.x), one, two, absolute


def _factor(differences: Sequence[Pixels]) -> int:
    """By how much differences are multiplied to be seen: the same in all pictures."""
    if not differences:
        return 1
    strong = max(float(np.quantile(each, 0.99)) for each in differences)
    return next((factor for factor in _FACTORS if factor * strong >= _STRONG), _FACTORS[-1])


def _triplet(
    pair: Pair, difference: CellDifference, part: tuple[Region, Pixels, Pixels, Pixels], factor: int
) -> Triplet:
    place, a, b, absolute = part
    row, column = difference.cell.iy + 1, difference.cell.ix + 1
    where = f"tile in row {row}, column {column}"
    other = "the truth" if pair.b is None else "B"
    inked = 255 - np.minimum(absolute.astype(np.uint16) * factor, 255).astype(np.uint8)
    pictures = [
        ("A", png(np.ascontiguousarray(a), f"A, {where}.")),
        ("B, the truth" if pair.b is None else "B", png(np.ascontiguousarray(b), f"{other}, {where}.")),
        (
            f"difference × {factor}",
            png(inked, f"Difference of A and {other}, {where}: mean {number(float(absolute.mean()), 1)}, largest "
                       f"{int(absolute.max())} grey levels; dark is much."),
        ),
    ]  # fmt: skip
    facts = [
        ("PSNR", f"{number(difference.psnr)} dB"),
        ("SSIM", number(difference.ssim, 4)),
        ("mean absolute difference", f"{number(difference.absolute)} grey levels"),
        ("decision of A", difference.decision_a),
    ]
    if pair.b is not None:
        facts.append(("decision of B", difference.decision_b))
    return Triplet(row, column, place, pictures, facts)
