"""The quality table: one row for every cell of a slide, and what its columns mean."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple


class Decision(StrEnum):
    """What was done with a cell."""

    REFOCUSED = "refocused"
    """Predicted by the method from both planes."""
    KEPT = "kept"
    """Tissue taken over from the sharper plane."""
    BACKGROUND = "background"
    """No tissue: taken over from the reference plane."""
    FLAGGED = "flagged"
    """The planes cannot be trusted to show the same place: taken over from the sharper plane."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRecord:
    """One row of the quality table. `COLUMNS` gives unit and meaning of every field.

    What was not measured is NaN (numbers) or -1 (``sharper``); without ``--reference`` that is PSNR and SSIM.
    """

    iy: int
    ix: int
    y: int
    x: int
    height: int
    width: int
    y_um: float = math.nan
    x_um: float = math.nan
    height_um: float = math.nan
    width_um: float = math.nan
    sharper: int = -1
    brenner_first: float = math.nan
    brenner_second: float = math.nan
    brenner_output: float = math.nan
    shift_y_px: float = math.nan
    shift_x_px: float = math.nan
    shift_error_px: float = math.nan
    gain_r: float = math.nan
    gain_g: float = math.nan
    gain_b: float = math.nan
    tissue_fraction: float = math.nan
    decision: Decision = Decision.BACKGROUND
    reason: str = ""
    psnr_output: float = math.nan
    psnr_first: float = math.nan
    psnr_second: float = math.nan
    ssim_output: float = math.nan
    ssim_first: float = math.nan
    ssim_second: float = math.nan

    def as_row(self) -> dict[str, int | float | str]:
        """Columns and their values, in the order of `COLUMNS`."""
        row = asdict(self)
        row["decision"] = self.decision.value
        return row


class Column(NamedTuple):
    """Unit and meaning of a column of the quality table."""

    unit: str
    meaning: str


COLUMNS = MappingProxyType(
    {
        "iy": Column("cells", "row of the cell on the grid fixed to the slide"),
        "ix": Column("cells", "column of the cell"),
        "y": Column("px", "first row of pixels of the cell"),
        "x": Column("px", "first column of pixels of the cell"),
        "height": Column("px", "rows of pixels of the cell"),
        "width": Column("px", "columns of pixels of the cell"),
        "y_um": Column("µm", "first row"),
        "x_um": Column("µm", "first column"),
        "height_um": Column("µm", "height of the cell"),
        "width_um": Column("µm", "width of the cell"),
        "sharper": Column("plane", "index of the focal plane taken as Y1, the sharper shot"),
        "brenner_first": Column("grey levels²", "mean Brenner gradient of the first plane, as captured"),
        "brenner_second": Column("grey levels²", "mean Brenner gradient of the second plane, as captured"),
        "brenner_output": Column("grey levels²", "mean Brenner gradient of the result"),
        "shift_y_px": Column("px", "shift of the second plane against the first: content at (y, x) of the"),
        "shift_x_px": Column("px", "first plane lies at (y + shift_y, x + shift_x) of the second"),
        "shift_error_px": Column("px", "standard error of the shift"),
        "gain_r": Column("1", "red of the first plane over red of the second"),
        "gain_g": Column("1", "green of the first plane over green of the second"),
        "gain_b": Column("1", "blue of the first plane over blue of the second"),
        "tissue_fraction": Column("1", "part of the cell's area that is tissue"),
        "decision": Column("", "refocused, kept, background or flagged"),
        "reason": Column("", "why, where the decision is not 'refocused'"),
        "psnr_output": Column("dB", "PSNR of the result against the reference"),
        "psnr_first": Column("dB", "PSNR of the first plane (aligned) against the reference"),
        "psnr_second": Column("dB", "PSNR of the second plane (aligned) against the reference"),
        "ssim_output": Column("1", "SSIM of the result against the reference"),
        "ssim_first": Column("1", "SSIM of the first plane (aligned) against the reference"),
        "ssim_second": Column("1", "SSIM of the second plane (aligned) against the reference"),
    }
)
"""Unit and meaning of every column, in the order of the table."""
