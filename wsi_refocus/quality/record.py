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
    """No tissue: taken over from the plane that is the sharper one nearby."""
    FLAGGED = "flagged"
    """Not to be believed: the planes may not show the same place, or (``--policy flag``) the evidence is against it."""


class Written(StrEnum):
    """Whose pixels a cell of the output has."""

    REFOCUSED = "refocused"
    SHARPER = "sharper shot"


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
    written: Written = Written.SHARPER
    z_first_um: float = math.nan
    z_second_um: float = math.nan
    drift_um: float = math.nan
    spacing_um: float = math.nan
    chi2_first: float = math.nan
    chi2_second: float = math.nan
    unvouched: float = math.nan
    disagreement: float = math.nan
    network_disagreement: float = math.nan
    network_agreement: float = math.nan
    haematoxylin_change: float = math.nan
    eosin_change: float = math.nan
    shots_in_common: float = math.nan
    noise_in_common: float = math.nan
    change: float = math.nan
    psnr_predicted: float = math.nan
    psnr_bound: float = math.nan
    gain_predicted: float = math.nan
    gain_bound: float = math.nan
    psnr_output: float = math.nan
    psnr_first: float = math.nan
    psnr_second: float = math.nan
    ssim_output: float = math.nan
    ssim_first: float = math.nan
    ssim_second: float = math.nan

    def as_row(self) -> dict[str, int | float | str]:
        """Columns and their values, in the order of `COLUMNS`."""
        row = asdict(self)
        row["decision"], row["written"] = self.decision.value, self.written.value
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
        "brenner_first": Column("grey levels²", "mean Brenner gradient of the first plane, as captured; advisory"),
        "brenner_second": Column("grey levels²", "mean Brenner gradient of the second plane, as captured; advisory"),
        "brenner_output": Column(
            "grey levels²", "mean Brenner gradient of the result; advisory, as invented detail raises it"
        ),
        "shift_y_px": Column("px", "shift of the second plane against the first: content at (y, x) of the"),
        "shift_x_px": Column("px", "first plane lies at (y + shift_y, x + shift_x) of the second"),
        "shift_error_px": Column("px", "standard error of the shift"),
        "gain_r": Column("1", "red of the first plane over red of the second"),
        "gain_g": Column("1", "green of the first plane over green of the second"),
        "gain_b": Column("1", "blue of the first plane over blue of the second"),
        "tissue_fraction": Column("1", "part of the cell's area that is tissue"),
        "decision": Column("", "refocused, kept, background or flagged"),
        "reason": Column("", "why, where the decision is not 'refocused'"),
        "written": Column("", "whose pixels the output has: refocused or sharper shot"),
        "z_first_um": Column("µm", "height of the first plane over focus, fitted by blurring the refocused tile again"),
        "z_second_um": Column("µm", "height of the second plane over focus, fitted in the same way"),
        "drift_um": Column("µm", "focus drift δ: height of the section above the middle of both planes"),
        "spacing_um": Column("µm", "fitted distance of the planes, to compare with the known one"),
        "chi2_first": Column("1", "reduced χ² of the refocused tile, blurred again, against the first plane"),
        "chi2_second": Column("1", "reduced χ² of the refocused tile, blurred again, against the second plane"),
        "unvouched": Column("1", "share of the refocused tile's energy that stands above the noise in neither plane"),
        "disagreement": Column("grey levels", "RMS difference of the refocused tile from predictions of turned planes"),
        "network_disagreement": Column("grey levels", "RMS difference from what another bundled network makes of it"),
        "network_agreement": Column(
            "1", "share of the change that another bundled network makes, too; below 0: opposed"
        ),
        "haematoxylin_change": Column("OD", "change of haematoxylin at low frequencies, against the sharper plane"),
        "eosin_change": Column("OD", "change of eosin at low frequencies, against the sharper plane"),
        "shots_in_common": Column("1", "coherence of the planes at low frequencies: 1 for one place, about 0 for two"),
        "noise_in_common": Column("1", "correlation of the planes' noise: 0 for two planes, 1 for one plane twice"),
        "change": Column("grey levels", "RMS difference of the refocused tile from the sharper plane"),
        "psnr_predicted": Column("dB", "predicted PSNR of the refocused tile"),
        "psnr_bound": Column("dB", "PSNR that the refocused tile exceeds with 90 % probability"),
        "gain_predicted": Column("dB", "predicted PSNR of the refocused tile over that of the sharper plane"),
        "gain_bound": Column("dB", "gain that the refocused tile exceeds with 90 % probability"),
        "psnr_output": Column("dB", "PSNR of the result against the reference"),
        "psnr_first": Column("dB", "PSNR of the first plane (aligned) against the reference"),
        "psnr_second": Column("dB", "PSNR of the second plane (aligned) against the reference"),
        "ssim_output": Column("1", "SSIM of the result against the reference"),
        "ssim_first": Column("1", "SSIM of the first plane (aligned) against the reference"),
        "ssim_second": Column("1", "SSIM of the second plane (aligned) against the reference"),
    }
)
"""Unit and meaning of every column, in the order of the table."""
