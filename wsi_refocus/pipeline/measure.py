"""The rows of the quality table that one shard adds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.geometry import Region
from wsi_refocus.pairing.survey import Survey
from wsi_refocus.pipeline.record import RunRecord
from wsi_refocus.quality.fidelity import psnr, ssim
from wsi_refocus.quality.focus import brenner_gradient
from wsi_refocus.quality.record import CellRecord, Decision, Written
from wsi_refocus.tiling.grid import CellGrid, CellIndex
from wsi_refocus.trust.choices import Policy
from wsi_refocus.trust.judge import Judgement

Pixels = NDArray[np.uint8]

_EVIDENCE = (
    "z_first_um",
    "z_second_um",
    "drift_um",
    "spacing_um",
    "chi2_first",
    "chi2_second",
    "unvouched",
    "disagreement",
    "network_disagreement",
    "network_agreement",
    "haematoxylin_change",
    "eosin_change",
    "shots_in_common",
    "noise_in_common",
    "change",
)
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


def measure_cells(
    region: Region, images: CellImages, record: RunRecord, judgements: Mapping[CellIndex, Judgement]
) -> list[CellRecord]:
    """Measure every cell of a region.

    Parameters
    ----------
    region
        Pixels of the slide, whole cells.
    images
        What was read and written there.
    record
        Record of the run.
    judgements
        What was found out about the cells that were refocused.

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
        if cell in judgements and record.trust is not None:
            row = _judged(row, judgements[cell], record.trust.policy)
        rows.append(_measured(row, images.cut(place.relative_to(region))))
    return rows


def _decided(cell: CellIndex, place: Region, record: RunRecord) -> CellRecord:
    survey = record.survey
    decision, reason, written = _decision(survey, cell, record.method.name)
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
        written=written,
    )


def _decision(survey: Survey, cell: CellIndex, method: str) -> tuple[Decision, str, Written]:
    if survey.tissue_fraction[cell] == 0:
        return Decision.BACKGROUND, "no tissue", Written.SHARPER
    if survey.flagged[cell]:
        return Decision.FLAGGED, survey.reasons.get(cell, "the planes cannot be aligned here"), Written.SHARPER
    if method in KEEPING_METHODS:
        return Decision.KEPT, f"the method {method} gives back the sharper shot", Written.SHARPER
    return Decision.REFOCUSED, "", Written.REFOCUSED


def _judged(row: CellRecord, judgement: Judgement, policy: Policy) -> CellRecord:
    """Row with the evidence, and what the policy makes of it."""
    evidence, bounds = judgement.evidence, judgement.bounds
    row = replace(
        row,
        **{name: getattr(evidence, name) for name in _EVIDENCE},
        psnr_predicted=bounds.psnr,
        psnr_bound=bounds.psnr_bound,
        gain_predicted=bounds.gain,
        gain_bound=bounds.gain_bound,
    )
    if why := judgement.keeps_sharper(policy):
        return replace(row, decision=Decision.KEPT, reason=why, written=Written.SHARPER)
    return replace(row, decision=Decision.FLAGGED, reason=judgement.doubt) if judgement.doubt else row


def _measured(row: CellRecord, images: CellImages) -> CellRecord:
    first, second = brenner_gradient(images.first), brenner_gradient(images.second)
    row = replace(row, brenner_first=first, brenner_second=second)
    shots = ((images.first, first), (images.second, second))
    known = next((brenner for shot, brenner in shots if np.array_equal(shot, images.output)), None)
    row = replace(row, **measures_of_output(images, known))  # type: ignore[arg-type]
    truth = images.truth
    if truth is None:
        return row
    return replace(
        row,
        psnr_first=psnr(images.first, truth),
        psnr_second=psnr(images.second, truth),
        ssim_first=ssim(images.first, truth),
        ssim_second=ssim(images.second, truth),
    )


def measures_of_output(images: CellImages, brenner: float | None = None) -> dict[str, float]:
    """Those columns of a cell that are measured on what was written, its Brenner gradient unless that is known."""
    measures = {"brenner_output": brenner_gradient(images.output) if brenner is None else brenner}
    if images.truth is not None:
        measures |= {
            "psnr_output": psnr(images.output, images.truth),
            "ssim_output": ssim(images.output, images.truth),
        }
    return measures
