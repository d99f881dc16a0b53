"""What is settled about a plane pair before it is refocused: shift, gain and sharper plane of every cell."""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.errors import PlanePairError
from wsi_refocus.geometry import Size
from wsi_refocus.pairing.limits import DEFAULT_LIMITS, RegistrationLimits
from wsi_refocus.pairing.measure import CellMeasure
from wsi_refocus.pairing.shift_field import ShiftField, fit_field
from wsi_refocus.tiling.grid import CellGrid, CellIndex

UNFLAGGED, SHIFT_TOO_LARGE, SHIFT_UNCERTAIN, NOT_THE_SAME = range(4)
_REASONS = {
    SHIFT_TOO_LARGE: "the planes are shifted too far against each other",
    SHIFT_UNCERTAIN: "the shift of the planes is too uncertain",
    NOT_THE_SAME: "the planes do not show the same here",
}
_EVEN = 0.01
"""Relative difference of two Brenner gradients below which neither plane is the sharper one."""
_GAIN_SPREAD = 0.05
"""Largest relative deviation of a cell's gain from the slide's."""


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """Shift, gain and sharper plane over the cells of a slide.

    Attributes
    ----------
    size : Size
        Extent of the slide in pixels.
    reference : int
        0 or 1: the plane of the pair that is sharper over the slide as a whole; its grid is the output's.
    slide_shift : tuple of float
        Shift (y, x) in pixels of the second plane against the first, at the middle of the slide.
    slide_shift_error : float or None
        Its standard error in pixels; None where nothing could be measured.
    slide_gain : tuple of float
        First plane over second, for red, green and blue.
    choice : ndarray of uint8, shape (rows, columns)
        0 where the first plane is the sharper one (Y1), 1 where the second is.
    flag : ndarray of uint8, shape (rows, columns)
        0, or why the planes cannot be trusted to show the same place.
    shift : ndarray of float32, shape (rows, columns, 2)
        What lies at (y, x) of the first plane lies at (y, x) + shift of the second; in pixels.
    shift_error : ndarray of float32, shape (rows, columns)
        Standard error of the shift in pixels.
    gain : ndarray of float32, shape (rows, columns, 3)
        First plane over second.
    tissue_fraction : ndarray of float32, shape (rows, columns)
        Part of each cell that is tissue.
    """

    size: Size
    reference: int
    slide_shift: tuple[float, float]
    slide_shift_error: float | None
    slide_gain: tuple[float, float, float]
    choice: NDArray[np.uint8]
    flag: NDArray[np.uint8]
    shift: NDArray[np.float32]
    shift_error: NDArray[np.float32]
    gain: NDArray[np.float32]
    tissue_fraction: NDArray[np.float32]

    @property
    def flagged(self) -> NDArray[np.bool_]:
        """Cells whose planes cannot be trusted to show the same place."""
        return np.asarray(self.flag != UNFLAGGED, dtype=np.bool_)

    @property
    def reasons(self) -> dict[CellIndex, str]:
        """Why the flagged cells are flagged."""
        rows, columns = np.nonzero(self.flag)
        cells = [CellIndex(int(iy), int(ix)) for iy, ix in zip(rows, columns, strict=True)]
        return {cell: _REASONS[int(self.flag[cell])] for cell in cells}

    def to_json(self) -> dict[str, Any]:
        """Content for a JSON file; `from_json` gives exactly the same survey."""
        content = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: _packed(each) if isinstance(each, np.ndarray) else each for name, each in content.items()}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Survey:
        """Rebuild from `to_json`."""
        content: dict[str, Any] = {
            name: _unpacked(each) if isinstance(each, dict) else each for name, each in stored.items()
        }
        content["size"] = Size(*content["size"])
        content["slide_shift"] = tuple(content["slide_shift"])
        content["slide_gain"] = tuple(content["slide_gain"])
        return cls(**content)


def assemble(
    measures: Iterable[CellMeasure],
    grid: CellGrid,
    tissue_fraction: NDArray[np.float32],
    *,
    name: str = "the slide",
    reference: int | None = None,
    limits: RegistrationLimits = DEFAULT_LIMITS,
) -> Survey:
    """Make a survey of measured cells.

    Parameters
    ----------
    measures
        Measures of cells, in any order; cells may be missing.
    grid
        The cells of the slide.
    tissue_fraction
        Part of each cell that is tissue, shape (rows, columns).
    name
        What to call the slide in an error.
    reference
        Plane of the pair whose grid is the output's; None for the sharper one.
    limits
        What is trusted.

    Raises
    ------
    PlanePairError
        If the planes show different tissue almost everywhere.
    """
    cells = sorted(measures, key=lambda measure: (measure.iy, measure.ix))
    field = fit_field(cells, grid, limits)
    _check_agreement(field, name, limits)
    agreeing = [measure for measure in cells if field.trusted[measure.iy, measure.ix]]
    gain, slide_gain = _gains(agreeing, grid)
    sharpness = _sharpness(cells, grid, slide_gain)
    if reference is None:
        reference = int(sharpness[1].sum() > sharpness[0].sum())
    return Survey(
        size=grid.size,
        reference=reference,
        slide_shift=field.slide_shift,
        slide_shift_error=field.slide_error if math.isfinite(field.slide_error) else None,
        slide_gain=slide_gain,
        choice=_choices(sharpness, reference),
        flag=_flags(field, tissue_fraction, limits),
        shift=field.shift.astype(np.float32),
        shift_error=field.error.astype(np.float32),
        gain=gain,
        tissue_fraction=np.asarray(tissue_fraction, dtype=np.float32),
    )


def _check_agreement(field: ShiftField, name: str, limits: RegistrationLimits) -> None:
    """Refuse planes that disagree almost everywhere."""
    agree, disagree = int(field.trusted.sum()), int(field.contradicts.sum())
    if disagree >= limits.min_cells and agree < limits.min_agreement * (agree + disagree):
        raise PlanePairError(
            f"{name}: the two planes do not show the same tissue within {limits.max_shift_px:g} px "
            f"({agree} of {agree + disagree} places agree); give two uncropped scans of one slide"
        )


def _flags(field: ShiftField, tissue_fraction: NDArray[np.float32], limits: RegistrationLimits) -> NDArray[np.uint8]:
    """Why cells of tissue cannot be trusted, 0 where they can."""
    flag = np.zeros(field.error.shape, dtype=np.uint8)
    flag[field.error > limits.max_error_px] = SHIFT_UNCERTAIN
    flag[field.contradicts] = NOT_THE_SAME
    flag[np.hypot(field.shift[..., 0], field.shift[..., 1]) > limits.max_shift_px] = SHIFT_TOO_LARGE
    flag[tissue_fraction <= 0] = UNFLAGGED
    return flag


def _gains(agreeing: list[CellMeasure], grid: CellGrid) -> tuple[NDArray[np.float32], tuple[float, float, float]]:
    """Gain of every cell, smoothed over its neighbours, and the gain of the slide."""
    gain = np.ones((*grid.shape, 3), dtype=np.float32)
    if not agreeing:
        return gain, (1.0, 1.0, 1.0)
    logs = np.log(np.array([measure.gain for measure in agreeing]))
    slide = np.median(logs, axis=0)
    sums = np.zeros((*grid.shape, 4))
    deviations = np.clip(logs - slide, -_GAIN_SPREAD, _GAIN_SPREAD)
    for measure, deviation in zip(agreeing, deviations, strict=True):
        sums[measure.iy, measure.ix] = (*deviation, 1.0)
    smooth = _neighbourhood_sums(sums, reach=2)
    gain[:] = np.exp(slide + smooth[..., :3] / (smooth[..., 3:] + 1.0))
    red, green, blue = np.exp(slide).tolist()
    return gain, (red, green, blue)


def _sharpness(cells: list[CellMeasure], grid: CellGrid, gain: tuple[float, float, float]) -> NDArray[np.float64]:
    """Brenner gradients of both planes at equal gain, shape (2, rows, columns); 0 where none was measured."""
    result = np.zeros((2, *grid.shape))
    square = float(np.mean(gain)) ** 2
    for measure in cells:
        result[:, measure.iy, measure.ix] = measure.brenner_first, measure.brenner_second * square
    return result


def _choices(sharpness: NDArray[np.float64], reference: int) -> NDArray[np.uint8]:
    """Which plane is the sharper one in every cell.

    Gradients are summed over 3 × 3 cells; where the two sums are as good as equal, or nothing was measured,
    the nearest cell that has a clear answer decides.
    """
    from scipy import ndimage

    first, second = np.moveaxis(_neighbourhood_sums(np.moveaxis(sharpness, 0, 2), reach=1), 2, 0)
    measured = sharpness.sum(axis=0) > 0
    decided = measured & (np.abs(first - second) > _EVEN * (first + second))
    if not decided.any():
        return np.full(first.shape, reference, dtype=np.uint8)
    choice = (second > first).astype(np.uint8)
    nearest = ndimage.distance_transform_edt(~decided, return_distances=False, return_indices=True)
    return np.ascontiguousarray(choice[tuple(np.asarray(nearest))])


def _neighbourhood_sums(values: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """Sum over a square of ``2 reach + 1`` cells around each, for values of shape (rows, columns, n)."""
    rows, columns = values.shape[:2]
    padded = np.pad(values, ((reach, reach), (reach, reach), (0, 0)))
    result = np.zeros_like(values)
    for dy in range(2 * reach + 1):
        for dx in range(2 * reach + 1):
            result += padded[dy : dy + rows, dx : dx + columns]
    return result


def _packed(array: NDArray[Any]) -> dict[str, Any]:
    """Array as JSON content, bit for bit."""
    little = array.astype(array.dtype.newbyteorder("<"))
    return {
        "dtype": little.dtype.str,
        "shape": list(array.shape),
        "zlib": base64.b64encode(zlib.compress(little.tobytes())).decode("ascii"),
    }


def _unpacked(stored: dict[str, Any]) -> NDArray[Any]:
    """Array of `_packed`."""
    content = zlib.decompress(base64.b64decode(stored["zlib"]))
    array = np.frombuffer(content, dtype=stored["dtype"]).reshape(stored["shape"])
    return array.astype(array.dtype.newbyteorder("="))
