"""The quality table as a small image: one pixel for every cell, one channel for every measure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.errors import OutputError
from wsi_refocus.geometry import Size
from wsi_refocus.ngff.arrays import open_array, write_image
from wsi_refocus.ngff.compressor import Compressor
from wsi_refocus.ngff.documents import read_attributes, write_group
from wsi_refocus.ngff.files import explained
from wsi_refocus.ngff.layout import StoreLayout, pyramid_levels
from wsi_refocus.ngff.multiscales import Channel, image_attributes
from wsi_refocus.ngff.stored import said

if TYPE_CHECKING:  # workers do without, and it takes half a second to import
    import pandas as pd

QUALITY_GROUP = "quality"
"""Group of the image in an output."""

DECISIONS = MappingProxyType({"background": 1, "kept": 2, "refocused": 3, "flagged": 4})
"""Values of the channel ``decision``, in the order in which a coarse level prefers them."""

NOT_MEASURED = -9999.0
"""Value of what was not measured, far below all that is: a gain of 0 dB is a measure. Viewers that do not know it draw
it black, as they do all that lies below a channel's window; NaN is drawn by some as anything."""

_PLACE = frozenset({"iy", "ix", "y", "x", "height", "width", "y_um", "x_um", "height_um", "width_um"})
_METHOD = "mean of the measured of 2 × 2 cells; of decisions and other whole numbers the largest"

Planes = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class QualityImage:
    """A quality image that was read.

    Attributes
    ----------
    names : tuple of str
        What each channel measures, ``decision`` the first.
    planes : ndarray of float32, shape (channels, rows, columns)
        One value a cell; NaN where there is none.
    not_measured : float
        Value that stands for none in the file; outputs of older versions have 0 there.
    """

    names: tuple[str, ...]
    planes: Planes
    not_measured: float


def write_quality_image(path: str | Path, frame: pd.DataFrame, layout: StoreLayout, cell: int = 512) -> None:
    """Write the measures of the quality table as an image that lies over the slide.

    The group ``quality`` has an image of its own with the axes (c, y, x) and the type float32. Its first
    channel is ``decision``; the others are the numeric columns that hold any measure. Each is named in the
    metadata, and shown from its smallest to its largest value.

    Parameters
    ----------
    path
        Folder of the output.
    frame
        One row for every cell, with the columns ``y`` and ``x`` (first pixel at level 0) and ``decision``.
    layout
        Arrays of the output.
    cell
        Edge of a cell in pixels of level 0.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written.
    ValueError
        If a cell lies outside the slide.
    """
    grid = Size(-(-layout.size.height // cell), -(-layout.size.width // cell))
    measures = drawn_measures(frame)
    planes = draw(frame, measures, grid, cell)
    mpp_y, mpp_x = layout.mpp
    levels = pyramid_levels(
        grid,
        (cell * mpp_y, cell * mpp_x),
        ((cell - 1) / 2 * mpp_y, (cell - 1) / 2 * mpp_x),
        layout.chunk,
        (layout.chunk,),
    )
    whole = [values.dtype.kind in "iu" for values in measures.values()]
    channels = [_channel(name, plane, name == "decision") for name, plane in zip(measures, planes, strict=True)]
    group = Path(path) / QUALITY_GROUP
    with explained(path):
        for level in levels:
            if level.index > 0:
                planes = _reduced(planes, np.array(whole))
            write_image(
                group,
                level,
                np.nan_to_num(planes, nan=NOT_MEASURED),
                channels_in_chunk=1,
                version=layout.version,
                compressor=Compressor.parse(layout.compressor),
            )
        attributes = image_attributes(layout.version, "quality", levels, channels, method=_METHOD)
        attributes["quality"] = {
            "decisions": {**DECISIONS},
            "not_measured": NOT_MEASURED,
            "cell_px": cell,
        }
        write_group(group, layout.version, attributes)


def read_quality_image(path: str | Path) -> QualityImage:
    """Read the quality image of an output.

    Parameters
    ----------
    path
        Folder of the output.

    Raises
    ------
    OutputError
        If there is none, or it is damaged.
    """
    group = Path(path) / QUALITY_GROUP
    attributes = read_attributes(group) or {}
    try:
        names = tuple(str(each["label"]) for each in attributes.get("ome", attributes)["omero"]["channels"])
        not_measured = float(attributes["quality"]["not_measured"])
        planes = np.asarray(open_array(group, 0)[...], np.float32)
    except OutputError:
        raise
    except Exception as error:  # stores and codecs raise errors of their own, which have no base in common
        raise OutputError(
            f"{group}: the quality image cannot be read ({said(error)}); copy the output again"
        ) from error
    return QualityImage(names, np.where(planes == not_measured, np.float32(np.nan), planes), not_measured)


def drawn_measures(frame: pd.DataFrame) -> dict[str, pd.Series]:
    """Columns to draw, the decision first, as its number; those that hold nothing are left out.

    Raises
    ------
    KeyError
        If there is no such decision.
    """
    codes = frame["decision"].map(lambda decision: DECISIONS[str(decision)]).astype(np.int64)
    measures = {"decision": codes}
    for name in frame.columns:
        column = frame[name]
        drawable = column.dtype.kind in "biuf" and name not in _PLACE
        if drawable and bool(np.isfinite(column.to_numpy(np.float64)).any()):
            measures[str(name)] = column
    return measures


def draw(frame: pd.DataFrame, measures: dict[str, pd.Series], grid: Size, cell: int) -> Planes:
    """Draw one plane for every measure, NaN where there is no value.

    Parameters
    ----------
    frame
        One row for every cell.
    measures
        Values to draw, by their name, in the order of the rows.
    grid
        Rows and columns of cells.
    cell
        Edge of a cell in pixels of level 0.

    Raises
    ------
    ValueError
        If a cell lies outside the grid.
    """
    rows = frame["y"].to_numpy(np.int64) // cell
    columns = frame["x"].to_numpy(np.int64) // cell
    if len(frame) and (min(rows.min(), columns.min()) < 0 or rows.max() >= grid.height or columns.max() >= grid.width):
        raise ValueError(f"a cell lies outside the {grid.height} × {grid.width} cells of the slide")
    planes = np.full((len(measures), *grid), np.nan, np.float32)
    for plane, values in zip(planes, measures.values(), strict=True):
        numbers = values.to_numpy(np.float32)
        plane[rows, columns] = np.where(np.isfinite(numbers), numbers, np.nan)
    return planes


def _reduced(planes: Planes, whole: NDArray[np.bool_]) -> Planes:
    """Halve every plane, NaN left out: by the largest value where ``whole`` says so, else by the mean."""
    channels, height, width = planes.shape
    even = np.pad(planes, ((0, 0), (0, height % 2), (0, width % 2)), constant_values=np.nan)
    fours = even.reshape(channels, even.shape[1] // 2, 2, even.shape[2] // 2, 2).transpose(0, 1, 3, 2, 4)
    fours = fours.reshape(*fours.shape[:3], 4)
    measured = np.isfinite(fours)
    count = measured.sum(axis=-1)
    mean = np.where(measured, fours, 0).sum(axis=-1) / np.maximum(count, 1)
    largest = np.where(measured, fours, -np.inf).max(axis=-1)
    reduced = np.where(whole[:, None, None], largest, mean)
    return np.where(count > 0, reduced, np.nan).astype(np.float32)


def _channel(name: str, plane: Planes, active: bool) -> Channel:
    if name == "decision":
        return Channel(name, "FFFFFF", 0, max(DECISIONS.values()), active)
    low, high = float(np.nanmin(plane)), float(np.nanmax(plane))
    return Channel(name, "FFFFFF", low, high if high > low else low + 1, active)
