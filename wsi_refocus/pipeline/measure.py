"""The rows of the quality table that one shard adds."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.geometry import Region
from wsi_refocus.pairing.survey import Survey
from wsi_refocus.pipeline.record import RunRecord
from wsi_refocus.quality.fidelity import psnr, ssim
from wsi_refocus.quality.focus import brenner_gradient
from wsi_refocus.quality.record import CellRecord, Decision
from wsi_refocus.tiling.grid import CellGrid, CellIndex

Pixels = NDArray[np.uint8]

KEEPING_METHODS = frozenset({"sharpest"})
"""Methods that give back a shot as it was captured."""


@dataclass(frozen=True, slots=True)
class CellImages:
    """The same pixels four times, each of shape (height, width, 3): both shots, the result, and the truth."""

    first: Pixels
    second: Pixels
    output: Pixels
    truth: Pixels | None

    def cut(self, region: Region) -> CellImages:
        """Part of the pixels."""
        rows, columns = region.slices
        return CellImages(
            self.first[rows, columns],
            self.second[rows, columns],
            self.output[rows, columns],
            None if self.truth is None else self.truth[rows, columns],
        )


def measure_cells(region: Region, images: CellImages, record: RunRecord) -> list[CellRecord]:
    """Measure every cell of a region.

    Parameters
    ----------
    region
        Pixels of the slide, whole cells.
    images
        What was read and written there.
    record
        Record of the run.

    Returns
    -------
    list of CellRecord
        One a cell, row by row.
    """
    grid = CellGrid(record.layout.size)
    rows = []
    for cell in grid.within(region):
        place = grid.region(cell)
        row = _decided(cell, place, record)
        rows.append(_measured(row, images.cut(place.relative_to(region))))
    return rows


def _decided(cell: CellIndex, place: Region, record: RunRecord) -> CellRecord:
    survey = record.survey
    decision, reason = _decision(survey, cell, record.method.name)
    mpp_y, mpp_x = record.layout.mpp
    shift, gain = survey.shift[cell], survey.gain[cell]
    return CellRecord(
        iy=cell.iy,
        ix=cell.ix,
        **place._asdict(),
        y_um=place.y * mpp_y,
        x_um=place.x * mpp_x,
        height_um=place.height * mpp_y,
        width_um=place.width * mpp_x,
        sharper=record.planes[int(survey.choice[cell])],
        shift_y_px=float(shift[0]),
        shift_x_px=float(shift[1]),
        shift_error_px=float(survey.shift_error[cell]),
        gain_r=float(gain[0]),
        gain_g=float(gain[1]),
        gain_b=float(gain[2]),
        tissue_fraction=float(survey.tissue_fraction[cell]),
        decision=decision,
        reason=reason,
    )


def _decision(survey: Survey, cell: CellIndex, method: str) -> tuple[Decision, str]:
    if survey.tissue_fraction[cell] == 0:
        return Decision.BACKGROUND, "no tissue"
    if survey.flagged[cell]:
        return Decision.FLAGGED, survey.reasons.get(cell, "the planes cannot be aligned here")
    if method in KEEPING_METHODS:
        return Decision.KEPT, f"the method {method} gives back the sharper shot"
    return Decision.REFOCUSED, ""


def _measured(row: CellRecord, images: CellImages) -> CellRecord:
    first, second = brenner_gradient(images.first), brenner_gradient(images.second)
    row = replace(row, brenner_first=first, brenner_second=second)
    row = replace(row, brenner_output=brenner_gradient(images.output))
    truth = images.truth
    if truth is None:
        return row
    return replace(
        row,
        psnr_output=psnr(images.output, truth),
        psnr_first=psnr(images.first, truth),
        psnr_second=psnr(images.second, truth),
        ssim_output=ssim(images.output, truth),
        ssim_first=ssim(images.first, truth),
        ssim_second=ssim(images.second, truth),
    )
