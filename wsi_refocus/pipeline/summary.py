"""What a run has to say at its end."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from wsi_refocus.quality.fidelity import psnr_of


@dataclass(frozen=True, slots=True)
class Fidelity:
    """Nearness to the reference over the tissue of a slide.

    PSNR comes from the squared error of all cells with tissue together; SSIM is their mean, weighted by area.

    Attributes
    ----------
    input : float
        Of the sharper shot of every cell.
    output : float
        Of the result.
    """

    input: float
    output: float


@dataclass(frozen=True, slots=True)
class RunSummary:
    """Result of a run.

    Attributes
    ----------
    output : str
        Folder of the refocused slide.
    preview : str
        Picture of a part of it, beside what was captured.
    method, checkpoint : str
        What restored it; the checkpoint as the SHA-256 of its file, None for methods without weights.
    planes : tuple of int
        Plane pair.
    shift_px : tuple of float
        Shift (y, x) of the second plane against the first over the slide.
    shape : tuple of int
        Height and width of level 0.
    levels : int
        Levels of the pyramid.
    tiles : dict
        Number of cells of 512 × 512 pixels: total, refocused, kept, background, flagged.
    seconds, megapixels_per_second : float
        Time of this call, and pixels of level 0 written in it per second.
    peak_rss_mb : float
        Sum over all processes of the largest memory of each, in MiB.
    psnr_db, ssim : Fidelity or None
        Against the reference, if there was one.
    """

    output: str
    preview: str
    method: str
    checkpoint: str | None
    planes: tuple[int, int]
    shift_px: tuple[float, float]
    shape: tuple[int, int]
    levels: int
    tiles: dict[str, int]
    seconds: float
    megapixels_per_second: float
    peak_rss_mb: float
    psnr_db: Fidelity | None = None
    ssim: Fidelity | None = None

    def to_json(self) -> dict[str, Any]:
        """Content of the JSON object that ``--json`` prints; fidelity only where there was a reference."""
        content = asdict(self)
        for name in ("psnr_db", "ssim"):
            if content[name] is None:
                del content[name]
        return content

    def to_text(self) -> str:
        """Lines for a person who runs the program for the first time."""
        tiles = self.tiles
        lines = [
            f"Refocused {self.shape[0]} × {self.shape[1]} pixels from planes {self.planes[0]} and {self.planes[1]} "
            f"in {self.seconds:.1f} s ({self.megapixels_per_second:.1f} megapixels/s).",
            f"Of {tiles['total']} tiles of 512 × 512 pixels, {tiles['refocused']} were refocused, "
            f"{tiles['background']} are background, {tiles['kept']} were given back as captured, where refocusing "
            f"cannot be vouched for or has nothing to gain, and {tiles['flagged']} are flagged as not to be believed.",
            f"Plane {self.planes[1]} lay {self.shift_px[0]:+.2f} pixels lower and {self.shift_px[1]:+.2f} pixels to "
            f"the right of plane {self.planes[0]}; this was corrected.",
        ]
        if self.psnr_db is not None and self.ssim is not None:
            lines.append(
                f"Against the reference: {self.psnr_db.output:.2f} dB after refocusing, {self.psnr_db.input:.2f} dB "
                f"for the sharper shot (SSIM {self.ssim.output:.3f} and {self.ssim.input:.3f})."
            )
        lines += [
            "The pixels are computed, not captured; the quality table inside says what was done to each tile.",
            f"Result:  {self.output}",
            f"Preview: {self.preview}",
            f"Look at it with: wsi-refocus view {self.output}",
        ]
        return "\n".join(lines)


def count_decisions(decisions: Iterable[str]) -> dict[str, int]:
    """Count cells by decision."""
    counts = Counter(decisions)
    names = ("refocused", "kept", "background", "flagged")
    return {"total": counts.total(), **{name: counts[name] for name in names}}


def fidelity(table: pd.DataFrame, first_plane: int) -> tuple[Fidelity, Fidelity] | None:
    """PSNR and SSIM over all cells with tissue, or None where nothing was measured.

    Parameters
    ----------
    table
        Quality table.
    first_plane
        Index of the first plane of the pair, to tell which shot was the sharper one.

    Returns
    -------
    psnr_db, ssim : Fidelity
        Of the sharper shot and of the result.
    """
    rows = table[(table["tissue_fraction"] > 0) & table["psnr_output"].notna()]
    if rows.empty:
        return None
    area = (rows["height"] * rows["width"]).to_numpy(float)
    took_first = (rows["sharper"] == first_plane).to_numpy()

    def captured(measure: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.where(took_first, rows[f"{measure}_first"], rows[f"{measure}_second"])

    def pooled(decibels: np.ndarray[Any, np.dtype[np.float64]]) -> float:
        return psnr_of(float(np.average(255.0**2 * 10 ** (-decibels / 10), weights=area)))

    def averaged(values: np.ndarray[Any, np.dtype[np.float64]]) -> float:
        known = ~np.isnan(values)
        return float(np.average(values[known], weights=area[known])) if known.any() else math.nan

    return (
        Fidelity(pooled(captured("psnr")), pooled(rows["psnr_output"].to_numpy(float))),
        Fidelity(averaged(captured("ssim")), averaged(rows["ssim_output"].to_numpy(float))),
    )
