"""The last step of a run: coarse levels, tables, picture, and at the very end the root metadata."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd

from wsi_refocus import __version__
from wsi_refocus.config import RunSettings
from wsi_refocus.methods import is_trained
from wsi_refocus.ngff.files import explained, write_whole
from wsi_refocus.ngff.metadata import SlideMetadata, finish_store
from wsi_refocus.ngff.pyramid import write_coarse_levels
from wsi_refocus.ngff.quality_image import write_quality_image
from wsi_refocus.ngff.store import read_level
from wsi_refocus.ngff.tables import write_quality, write_quality_csv
from wsi_refocus.optics.profile import profile_sha256
from wsi_refocus.pipeline.journal import Journal
from wsi_refocus.pipeline.phase import finish_phase
from wsi_refocus.pipeline.planes import OpenPlanes
from wsi_refocus.pipeline.prepare import COARSEST_MPP, FINEST_MPP, Job
from wsi_refocus.pipeline.preview import side_by_side, telling_place
from wsi_refocus.pipeline.record import RunRecord
from wsi_refocus.quality.record import COLUMNS
from wsi_refocus.storage.urls import is_remote, name_of

PREVIEW = "preview.png"
RECORD = "run.json"
"""What the run decided before its first shard, so that its shots can be seen again on the output's grid."""
STATEMENT = (
    "Computed, not captured: the pixels of this slide were predicted from two defocused planes. "
    "The quality table says for every tile what was done."
)
_PACKAGES = ("torch", "numpy", "zarr", "dask", "tifffile", "openslide-python", "tiffslide", "ome-zarr")


def finish(
    output: Path, job: Job, record: RunRecord, settings: RunSettings, csv: str | None, seconds: float
) -> pd.DataFrame:
    """Complete an output all of whose shards are written.

    Parameters
    ----------
    output
        Folder of the output.
    job, record, settings
        What the run was.
    csv
        File to write the quality table to as CSV, too.
    seconds
        Time of the run so far, for the provenance.

    Returns
    -------
    DataFrame
        The quality table.
    """
    journal = Journal(output)
    table = pd.DataFrame(journal.cells()).sort_values(["iy", "ix"], ignore_index=True)
    write_coarse_levels(output, record.layout)
    write_quality(output, table, COLUMNS)
    write_quality_image(output, table, record.layout)
    if csv is not None:
        write_quality_csv(csv, table)
    if record.phase:
        finish_phase(output, record.layout)
    _write_preview(output, record, table)
    with explained(output):
        write_whole(output / RECORD, json.dumps(_lasting(record).to_json()).encode())
    info = job.source.info
    metadata = SlideMetadata(
        name=name_of(info.paths[0]),
        mpp=record.layout.mpp,
        magnification=info.magnification,
        icc_profile=info.icc_profile,
        ome_xml=info.ome_xml,
        associated={name: job.source.read_associated(name) for name in info.associated},
    )
    finish_store(output, record.layout, metadata, provenance(job, record, settings, seconds, journal.precisions()))
    journal.remove()
    return table


def _lasting(record: RunRecord) -> RunRecord:
    """The record without the copies that the slide was read from, which will not be kept."""
    return replace(record, view=replace(record.view, slide=replace(record.view.slide, copies=None)))


def provenance(
    job: Job, record: RunRecord, settings: RunSettings, seconds: float, precisions: list[str]
) -> dict[str, Any]:
    """Say where the output comes from, for its root attributes."""
    info, pair, survey = job.source.info, job.pair, record.survey
    return {
        "statement": STATEMENT,
        "version": __version__,
        "source": {
            "paths": [path if is_remote(path) else os.path.abspath(path) for path in info.paths],  # noqa: PTH100 - a link's own name is what the user knows
            "fingerprints": list(info.fingerprint),
            "format": info.format,
            "notes": list(info.notes),
            "level": settings.level,
            "region": settings.region,
            "resampled_um": settings.resample,
        },
        "planes": {
            "indices": [pair.first, pair.second],
            "z_um": list(pair.z_um),
            "initial_focus": pair.initial_focus,
            "defocus_offset_um": pair.defocus_offset_um,
            "reason": pair.reason,
        },
        "alignment": {
            "shift_px": list(survey.slide_shift),
            "shift_error_px": survey.slide_shift_error,
            "gain": list(survey.slide_gain),
            "grid_of_plane": record.planes[survey.reference],
        },
        "method": {
            "name": record.method.name,
            "checkpoint": record.method.checkpoint or ("bundled" if job.checkpoint_sha256 else None),
            "checkpoint_sha256": job.checkpoint_sha256,
            "profile_sha256": profile_sha256(record.method.profile),
            "device": record.method.device,
            "precision": precisions,
            "defocus_offset_um": record.method.shots.offset_um,
            "defocus_offset_assumed": pair.defocus_offset_um is None,
            "mpp": record.method.shots.mpp,
            "trained_for_mpp": [FINEST_MPP, COARSEST_MPP] if is_trained(record.method.name) else None,
        },
        "trust": _trust(job),
        "settings": settings.of_the_result(),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in _PACKAGES}},
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 1),
    }


def _trust(job: Job) -> dict[str, Any]:
    """How tiles were judged, and by which calibration; or why not."""
    spec, calibration = job.trust, job.calibration
    return {
        "policy": "off" if spec is None else spec.policy,
        "uncertainty": None if spec is None else spec.uncertainty,
        "limits": None if spec is None else spec.limits.to_json(),
        "calibration": None if calibration.sha256 is None else {"sha256": calibration.sha256, **calibration.facts},
        "calibration_note": calibration.note,
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _write_preview(output: Path, record: RunRecord, table: pd.DataFrame) -> None:
    place = telling_place(table, record.layout.size)
    with OpenPlanes(record) as planes:
        first, second = planes.shots(place)
        truth = planes.truth(place)
    cell = table[(table["y"] <= place.y + place.height // 2) & (table["x"] <= place.x + place.width // 2)].iloc[-1]
    shots = (first, second) if cell["sharper"] == record.planes[0] else (second, first)
    panels = {
        "sharper shot": shots[0],
        "other shot": shots[1],
        f"result ({record.method.name})": read_level(output, 0, place),
    }
    if truth is not None:
        panels["reference"] = truth
    side_by_side(panels, output / PREVIEW)
