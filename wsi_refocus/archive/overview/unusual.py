"""Slides that came out unlike the others of their archive.

A measure is unusual if it lies further from the archive's median than 3.5 robust standard deviations. That is 1.4826
times the median of all distances from the median, which a few unusual slides cannot stretch, and never less than what
matters to anybody: where all slides are alike, a trifle is not unusual.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from wsi_refocus.report.rendering import number

LIMIT = 3.5
"""Robust standard deviations from the median."""
FEWEST = 5
"""Slides with a measure below which none is unusual."""
FEWEST_TILES = 16
"""Tiles with tissue from which on the time for one says something; below, it is that of opening the slide."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What slides are compared by.

    Attributes
    ----------
    column : str
        Column of the archive's table; ``seconds_a_tile`` is made here.
    what : str
        What it is called.
    smallest : float
        Standard deviation that is taken at the least, in the measure's own unit; a factor for those of ratio scale.
    high, low : str
        Words for a slide that has more or less of it; no words where that is nothing to look at.
    unit : str
        Unit.
    digits : int
        Digits after the point.
    signed : bool
        Whether a plus sign is written.
    by_factor : bool
        Whether values differ by factors rather than by amounts.
    """

    column: str
    what: str
    smallest: float
    high: str
    low: str
    unit: str
    digits: int
    signed: bool = False
    by_factor: bool = False

    def written(self, value: float) -> str:
        """Value and unit for people."""
        return f"{number(value * (100 if self.unit == '%' else 1), self.digits, self.signed)} {self.unit}"

    @property
    def least(self) -> str:
        """Difference that is needed at the least, for people."""
        if self.by_factor:
            return f"{number(self.smallest**LIMIT, 1)} times the median or more"
        least = self.written(LIMIT * self.smallest).lstrip("+").replace("%", "percentage points")
        return f"by {least} or more, up or down"


MEASURES = (
    Measure(
        "doubtful_share", "share of the tissue's tiles that were kept or flagged", 0.02,
        "more tiles kept or flagged than usual", "fewer tiles kept or flagged than usual", "%", 0,
    ),
    Measure(
        "gain_bound_median_db", "median bound of the gain", 0.1,
        "a higher bound of the gain than usual", "a lower bound of the gain than usual", "dB", 2, signed=True,
    ),
    Measure(
        "psnr_bound_median_db", "median bound of the PSNR", 0.5,
        "a higher bound of the PSNR than usual", "a lower bound of the PSNR than usual", "dB", 1,
    ),
    Measure(
        "shift_px", "shift of both shots against each other", 0.5,
        "shots further apart than usual", "shots closer together than usual", "px", 1,
    ),
    Measure(
        "seconds_a_tile", f"time for a tile with tissue, where there are {FEWEST_TILES} or more", 1.2,
        "slower than usual", "", "s/tile", 2, by_factor=True,
    ),
)  # fmt: skip
"""What slides are compared by."""


def remarks(table: pd.DataFrame) -> list[list[str]]:
    """Say in words what is unusual about every slide.

    Parameters
    ----------
    table
        The archive's table; see `archive_table`.

    Returns
    -------
    list of list of str
        For every row its remarks; none for most.
    """
    done = table["state"] == "done"
    tissue = table[["refocused", "kept", "flagged"]].astype(float).fillna(0).sum(axis=1)
    pace = (table["seconds"] / tissue).where(tissue >= FEWEST_TILES)
    said: list[list[str]] = [[] for _ in range(len(table))]
    for measure in MEASURES:
        values = (pace if measure.column == "seconds_a_tile" else table[measure.column]).where(done).to_numpy(float)
        for place, words in _compare(values, measure).items():
            said[place].append(words)
    return said


def _compare(values: np.ndarray[tuple[int], np.dtype[np.float64]], measure: Measure) -> dict[int, str]:
    """Remarks by the place of the slide."""
    if measure.by_factor:
        values = np.where(values > 0, values, np.nan)
    known = np.isfinite(values)
    if known.sum() < FEWEST:
        return {}
    scaled = np.log(values) if measure.by_factor else values
    middle = float(np.median(scaled[known]))
    smallest = math.log(measure.smallest) if measure.by_factor else measure.smallest
    deviation = max(1.4826 * float(np.median(np.abs(scaled[known] - middle))), smallest)
    usual = measure.written(math.exp(middle) if measure.by_factor else middle)
    found = {}
    for place in np.flatnonzero(known & (np.abs(scaled - middle) > LIMIT * deviation)).tolist():
        words = measure.high if scaled[place] > middle else measure.low
        if words:
            found[place] = f"{words}: {measure.written(float(values[place]))} (usually {usual})"
    return found
