"""Maps over a slide with one square a cell: what was done, and what was measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wsi_refocus.geometry import Size
from wsi_refocus.quality.record import Decision
from wsi_refocus.report.contents import Contents
from wsi_refocus.report.images import Picture, fitted, fitting, jpeg, png
from wsi_refocus.report.rendering import number
from wsi_refocus.report.wording import count, measure, unit_of, written
from wsi_refocus.tiling.grid import CELL

_LETTERS = {Decision.REFOCUSED: "R", Decision.KEPT: "K", Decision.FLAGGED: "F"}
_WITH_LETTERS, _WITH_NUMBERS = 24, 12
"""Most rows or columns of cells in which a letter or a number can still be read on a phone."""
_NARROW = 0.4
"""Part of a cell that has to lie on the slide to hold text."""
_UNDERLAY_EDGE = 720
_OUTLIERS = 50
"""Cells from which on the outermost 2 % do not stretch the colours."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Label:
    """Text in the middle of a cell; positions in cells, colour for the text to stand out."""

    x: float
    y: float
    text: str
    colour: str = "#000"


@dataclass(frozen=True, slots=True)
class CellMap:
    """A drawing over the slide. Its unit of length is the edge of a cell.

    Attributes
    ----------
    key : str
        Identifier within the page.
    title : str
        What it is a map of.
    alt : str
        What it shows, in words and numbers.
    width, height : float
        Extent of the slide in cells.
    areas : dict of str to str
        Outline of the cells of each kind, as an SVG path.
    labels : list of Label
        Text in cells.
    grid : Picture or None
        Colours, one pixel a cell.
    bar : ColourBar or None
        What the colours mean.
    """

    key: str
    title: str
    alt: str
    width: float
    height: float
    areas: dict[str, str] = field(default_factory=dict)
    labels: list[Label] = field(default_factory=list)
    grid: Picture | None = None
    bar: ColourBar | None = None


@dataclass(frozen=True, slots=True)
class ColourBar:
    """Colours of a map from the lowest to the highest value, and the numbers at its ends and in its middle."""

    picture: Picture
    low: str
    middle: str
    high: str
    unit: str


def underlay(overview: NDArray[np.uint8]) -> Picture:
    """The slide in light grey, to lie under maps.

    Parameters
    ----------
    overview
        RGB of shape (height, width, 3).
    """
    small = fitted(overview, fitting(Size(*overview.shape[:2]), _UNDERLAY_EDGE)).astype(np.float32)
    grey = small @ np.array([0.299, 0.587, 0.114], np.float32)
    light = 255 - 0.7 * (255 - grey)
    return jpeg(np.clip(light + 0.5, 0, 255).astype(np.uint8), "", quality=72)


def decision_map(contents: Contents) -> CellMap:
    """Draw what was done with every cell."""
    table = contents.table
    decisions = table["decision"].astype(str)
    areas = {each.value: _outline(_plane(table, decisions == each.value)) for each in Decision}
    letters = {each.value: letter for each, letter in _LETTERS.items()}
    labels = _labels(contents, _WITH_LETTERS, lambda row: (letters.get(str(row["decision"]), ""), "#000"))
    numbers = ", ".join(f"{int((decisions == each.value).sum()):,} {each.value}" for each in Decision)
    alt = f"Map of the slide with one square for every tile: {numbers}."
    width, height = _extent(contents)
    return CellMap(
        "decisions", "Decisions", alt, width, height, {name: path for name, path in areas.items() if path}, labels
    )


def measure_map(contents: Contents, column: str) -> CellMap | None:
    """Draw a measure over the slide, hatched where it is below zero; None where nothing was measured.

    Parameters
    ----------
    contents
        The output.
    column
        Column of the quality table.
    """
    values = contents.measured(column)
    if not values.size:
        return None
    from matplotlib import colormaps

    colours = colormaps["cividis"]
    low, high = _range(values)
    table = contents.tissue.dropna(subset=[column])
    plane = np.full(_grid_shape(contents), np.nan)
    plane[table["iy"].to_numpy(int), table["ix"].to_numpy(int)] = table[column].to_numpy(float)
    shares = np.clip((plane - low) / (high - low), 0, 1)
    pixels = colours(np.nan_to_num(shares), bytes=True)
    pixels[~np.isfinite(plane), 3] = 0
    unit = unit_of(contents.units, column)

    def text(row: pd.Series) -> tuple[str, str]:
        value = float(row[column])
        if row["decision"] == Decision.BACKGROUND.value or not np.isfinite(value):
            return "", "#000"
        return number(value, 1, measure(column).signed), "#fff" if (value - low) / (high - low) < 0.55 else "#000"

    width, height = _extent(contents)
    below = _outline(plane < 0) if measure(column).signed else ""
    return CellMap(
        column.replace("_", "-"),
        measure(column).label[0].upper() + measure(column).label[1:],
        _alt(contents, column, values, unit),
        width,
        height,
        {"below": below} if below else {},
        _labels(contents, _WITH_NUMBERS, text),
        png(pixels, ""),
        _bar(column, (low, high), (float(values.min()), float(values.max())), colours, unit),
    )


def _alt(contents: Contents, column: str, values: Floats, unit: str) -> str:
    low, middle, high = (written(column, each, unit) for each in np.quantile(values, [0, 0.5, 1]))
    below = f"; {count(int((values < 0).sum()), 'tile')} below zero" if measure(column).signed else ""
    return (
        f"Map of the {measure(column).label} over the slide, {count(values.size, 'tile')} measured: "
        f"from {low} to {high}, median {middle}{below}."
    )


def _range(values: Floats) -> tuple[float, float]:
    """Values at both ends of the colours."""
    ends = (0.01, 0.99) if values.size >= _OUTLIERS else (0.0, 1.0)
    low, high = (float(each) for each in np.quantile(values, ends))
    return (low, high) if high - low > 1e-9 * max(1.0, abs(low)) else (low - 0.5, low + 0.5)


def _bar(
    column: str,
    ends: tuple[float, float],
    extremes: tuple[float, float],
    colours: Callable[..., NDArray[np.uint8]],
    unit: str,
) -> ColourBar:
    ramp = colours(np.linspace(0, 1, 256)[np.newaxis], bytes=True)
    low, high = ends
    return ColourBar(
        png(ramp, ""),
        ("≤ " if extremes[0] < low else "") + written(column, low),
        written(column, (low + high) / 2),
        ("≥ " if extremes[1] > high else "") + written(column, high),
        unit,
    )


def _extent(contents: Contents) -> tuple[float, float]:
    """Width and height of the slide in cells."""
    return contents.size.width / CELL, contents.size.height / CELL


def _grid_shape(contents: Contents) -> tuple[int, int]:
    return -(-contents.size.height // CELL), -(-contents.size.width // CELL)


def _plane(table: pd.DataFrame, chosen: pd.Series) -> NDArray[np.bool_]:
    """Mask over the grid of cells."""
    plane = np.zeros((int(table["iy"].max()) + 1, int(table["ix"].max()) + 1), np.bool_)
    plane[table["iy"].to_numpy(int), table["ix"].to_numpy(int)] = chosen.to_numpy(bool)
    return plane


def _outline(mask: NDArray[np.bool_]) -> str:
    """SVG path around cells, one rectangle for every run of a row: short also for many cells."""
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    starts, ends = np.argwhere(edges == 1), np.argwhere(edges == -1)
    return "".join(
        f"M{x} {y}h{end - x}v1h-{end - x}z" for (y, x), end in zip(starts.tolist(), ends[:, 1].tolist(), strict=True)
    )


def _labels(contents: Contents, most: int, text: Callable[[pd.Series], tuple[str, str]]) -> list[Label]:
    """Text for every cell that has some and is wide enough; none at all where cells are too small."""
    if max(_grid_shape(contents)) > most:
        return []
    labels = []
    for _, row in contents.table.iterrows():
        height, width = row["height"] / CELL, row["width"] / CELL
        shown, colour = text(row)
        if shown and min(height, width) >= _NARROW:
            labels.append(Label(round(row["ix"] + width / 2, 3), round(row["iy"] + height / 2, 3), shown, colour))
    return labels
