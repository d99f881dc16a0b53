"""How the two sides of a comparison differ: in every cell, and over the slide."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wsi_refocus.geometry import Region
from wsi_refocus.pipeline.progress import Progress
from wsi_refocus.pipeline.summary import count_decisions
from wsi_refocus.quality.fidelity import mean_squared_error, psnr_of, ssim
from wsi_refocus.quality.record import Decision
from wsi_refocus.report.compare_sides import THREADS, Pair
from wsi_refocus.report.contents import Contents
from wsi_refocus.tiling.grid import CellGrid, CellIndex

GAINS = ("gain_bound", "gain_predicted")
"""Columns that are put side by side where both outputs have them."""


@dataclass(frozen=True, slots=True)
class CellDifference:
    """How a cell differs.

    Attributes
    ----------
    cell : CellIndex
        Row and column.
    place : Region
        Its pixels.
    squared : float
        Mean squared difference in grey levels².
    absolute : float
        Mean absolute difference in grey levels.
    ssim : float
        Structural similarity; NaN for background, where it would say nothing.
    decision_a, decision_b : str
        What was done on either side; empty for a truth.
    """

    cell: CellIndex
    place: Region
    squared: float
    absolute: float
    ssim: float
    decision_a: str
    decision_b: str

    @property
    def psnr(self) -> float:
        """PSNR in dB; infinite where both are the same."""
        return psnr_of(self.squared)

    @property
    def is_tissue(self) -> bool:
        """Whether one of the sides takes it for tissue."""
        return {self.decision_a, self.decision_b} - {"", Decision.BACKGROUND.value} != set()


@dataclass(frozen=True, slots=True)
class Over:
    """Differences over several cells.

    Attributes
    ----------
    cells, identical : int
        Cells, and how many of them are the same on both sides.
    psnr : float
        Of the squared error of all of them together, in dB.
    psnr_median, psnr_worst : float
        Over the cells, in dB.
    ssim_median, ssim_worst : float
        Over the cells where it was measured.
    absolute : float
        Mean absolute difference in grey levels, weighted by area.
    """

    cells: int
    identical: int
    psnr: float
    psnr_median: float
    psnr_worst: float
    ssim_median: float
    ssim_worst: float
    absolute: float


def measure_differences(pair: Pair, progress: Progress) -> list[CellDifference]:
    """Measure every cell, reading one at a time in each thread.

    Raises
    ------
    CorruptRegionError
        If pixels cannot be decoded.
    """
    decisions = [_decisions(side) for side in (pair.a, pair.b)]
    grid = CellGrid(pair.a.size)

    def measured(cell: CellIndex) -> CellDifference:
        place = grid.region(cell)
        a, b = pair.read_a(place), pair.read_b(place)
        decided = [each.get(cell, "") for each in decisions]
        squared, absolute = mean_squared_error(a, b), float(np.abs(a.astype(np.int16) - b).mean())
        difference = CellDifference(cell, place, squared, absolute, math.nan, decided[0], decided[1])
        return replace(difference, ssim=ssim(a, b)) if difference.is_tissue else difference

    cells = list(grid)
    differences = []
    progress.start("comparison", len(cells), "tiles")
    with ThreadPoolExecutor(THREADS) as pool:
        for difference in pool.map(measured, cells):
            differences.append(difference)
            progress.advance(1)
    progress.stop()
    return differences


def _decisions(side: Contents | None) -> dict[tuple[int, int], str]:
    if side is None:
        return {}
    columns = side.table[["iy", "ix", "decision"]].itertuples(index=False)
    return {(int(iy), int(ix)): str(decision) for iy, ix, decision in columns}


def worst(differences: Sequence[CellDifference], count: int) -> list[CellDifference]:
    """Cells with the largest squared difference, the worst first; tissue before background, and none that are equal."""
    unequal = [each for each in differences if each.squared > 0]
    return sorted(unequal, key=lambda each: (not each.is_tissue, -each.squared, each.cell))[:count]


def over(differences: Sequence[CellDifference]) -> Over | None:
    """Sum up some cells; None of none."""
    if not differences:
        return None
    squared = np.array([each.squared for each in differences])
    area = np.array([each.place.area for each in differences], float)
    similar = np.array([each.ssim for each in differences])
    known = similar[np.isfinite(similar)]
    return Over(
        len(differences),
        int((squared == 0).sum()),
        psnr_of(float(np.average(squared, weights=area))),
        psnr_of(float(np.median(squared))),
        psnr_of(float(squared.max())),
        float(np.median(known)) if known.size else math.nan,
        float(known.min()) if known.size else math.nan,
        float(np.average([each.absolute for each in differences], weights=area)),
    )


def decisions_of(side: Contents | None) -> dict[str, int] | None:
    """Number of cells by decision; None for a truth."""
    return None if side is None else count_decisions(side.table["decision"].astype(str))


def differing_decisions(pair: Pair, differences: Sequence[CellDifference]) -> int | None:
    """Cells in which two outputs decided differently; None for a truth."""
    return None if pair.b is None else sum(each.decision_a != each.decision_b for each in differences)


def gains(pair: Pair) -> dict[str, list[dict[str, float]]]:
    """Gain over the sharper shot as either side says of itself: median, and part of tiles below 0."""
    if pair.b is None:
        return {}
    found = {column: [_gain(side.measured(column)) for side in (pair.a, pair.b)] for column in GAINS}
    return {column: [each for each in sides if each] for column, sides in found.items() if all(sides)}


def _gain(values: NDArray[np.float64]) -> dict[str, float]:
    if not values.size:
        return {}
    return {"tiles": values.size, "median": float(np.median(values)), "below_zero": int((values < 0).sum())}


def bound_held(pair: Pair, differences: Sequence[CellDifference]) -> dict[str, Any] | None:
    """In how many refocused cells the bound of the PSNR held against the truth; None where there is none of both."""
    if pair.b is not None or "psnr_bound" not in pair.a.table:
        return None
    rows = pair.a.table[(pair.a.table["written"] == "refocused") & pair.a.table["psnr_bound"].notna()]
    found = {each.cell: each.psnr for each in differences}
    held = [found[CellIndex(int(iy), int(ix))] >= bound for iy, ix, bound in _bounds(rows)]
    return {"tiles": len(held), "held": sum(held)} if held else None


def _bounds(rows: pd.DataFrame) -> Iterator[tuple[int, int, float]]:
    yield from rows[["iy", "ix", "psnr_bound"]].itertuples(index=False, name=None)
