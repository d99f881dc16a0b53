"""What is measured of one cell in both planes, on one window of it."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.errors import CorruptRegionError
from wsi_refocus.geometry import Region
from wsi_refocus.pairing.limits import DEFAULT_LIMITS, RegistrationLimits
from wsi_refocus.pairing.registration import estimate_gain, estimate_shift
from wsi_refocus.quality.focus import brenner_gradient
from wsi_refocus.slide.source import SlideSource
from wsi_refocus.tiling.grid import CellIndex
from wsi_refocus.tiling.tissue import TissueMask

WINDOW = 256
"""Edge in pixels of the window that stands for a cell: a quarter of it, so that few blocks are decoded."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CellMeasure:
    """One cell, measured.

    Attributes
    ----------
    iy, ix : int
        Row and column of the cell.
    brenner_first, brenner_second : float
        Mean Brenner gradient of the planes, in grey levels².
    dy, dx : float
        What lies at (y, x) of the first plane lies at (y + dy, x + dx) of the second; in pixels.
    error_px : float
        Standard error of each; infinite where there is nothing to go by.
    confidence : float
        Correlation coefficient of the smoothed windows at that shift.
    texture : float
        Standard deviation of the smoothed optical density of the richer window.
    gain : tuple of float
        First plane over second, for red, green and blue.
    """

    iy: int
    ix: int
    brenner_first: float
    brenner_second: float
    dy: float
    dx: float
    error_px: float
    confidence: float
    texture: float
    gain: tuple[float, float, float]


def survey_window(cell: Region, tissue: TissueMask) -> Region:
    """Window of a cell that is measured: of its quadrants of 256 × 256 pixels the one with most tissue.

    Parameters
    ----------
    cell
        Pixels of the cell, clipped to the slide.
    tissue
        Where the tissue is.

    Returns
    -------
    Region
        The first of equals; moved inwards, or smaller, where the cell ends early.
    """
    height, width = min(WINDOW, cell.height), min(WINDOW, cell.width)
    corners = [
        (y, x) for y in dict.fromkeys((cell.y, cell.y1 - height)) for x in dict.fromkeys((cell.x, cell.x1 - width))
    ]
    windows = [Region(y, x, height, width) for y, x in corners]
    return max(windows, key=tissue.fraction)


def measure_cell(
    cell: CellIndex,
    first: NDArray[np.uint8],
    second: NDArray[np.uint8],
    limits: RegistrationLimits = DEFAULT_LIMITS,
) -> CellMeasure:
    """Measure a cell on a window of it.

    Parameters
    ----------
    cell
        Row and column of the cell.
    first, second
        The same window of both planes, RGB of shape (height, width, 3).
    limits
        How far to look for the shift.
    """
    shift = estimate_shift(first, second, limits.max_shift_px)
    known = math.isfinite(shift.error_px)
    gain = estimate_gain(first, second, shift.dy, shift.dx) if known else (1.0, 1.0, 1.0)
    return CellMeasure(
        cell.iy,
        cell.ix,
        brenner_gradient(first),
        brenner_gradient(second),
        shift.dy,
        shift.dx,
        shift.error_px,
        shift.confidence,
        shift.texture,
        gain,
    )


def survey_cell(
    source: SlideSource,
    planes: tuple[int, int],
    cell: CellIndex,
    window: Region,
    limits: RegistrationLimits = DEFAULT_LIMITS,
) -> CellMeasure | None:
    """Read and measure a cell.

    Parameters
    ----------
    source
        The open slide.
    planes
        The plane pair, in canonical order.
    cell
        Row and column of the cell.
    window
        Pixels to measure it on, as of `survey_window`.
    limits
        How far to look for the shift.

    Returns
    -------
    CellMeasure or None
        None where the pixels cannot be decoded, which goes to the log.
    """
    try:
        first, second = (source.read_region(plane, 0, window) for plane in planes)
    except CorruptRegionError as error:
        logger.warning("cell %d,%d is not measured: %s", cell.iy, cell.ix, error)
        return None
    return measure_cell(cell, first, second, limits)
