"""What a run would do with a slide, without doing it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from wsi_refocus.config import RunSettings
from wsi_refocus.errors import PlanePairError
from wsi_refocus.ngff.layout import StoreLayout
from wsi_refocus.pipeline.prepare import look, view_of
from wsi_refocus.pipeline.workforce import Workforce
from wsi_refocus.slide.summary import describe
from wsi_refocus.tiling.grid import CellGrid

BYTES_PER_PIXEL = 2.0
"""Rough size of a refocused pixel in the output, all levels together, with the default codec; measured on H&E."""
PROCESS_MB = {"sharpest": 170, "mean": 170}
"""Rough memory of a worker process before it has a shard in hand; with a network: `NETWORK_PROCESS_MB`."""
NETWORK_PROCESS_MB = 450
SHARD_MB = {"sharpest": 75, "mean": 90}
"""Rough memory of a shard in hand; with a network: `NETWORK_SHARD_MB`."""
NETWORK_SHARD_MB = 350


def inspect_slide(slide: str, second: str | None, settings: RunSettings) -> dict[str, Any]:
    """Describe a slide, and what a run with these settings would choose and need.

    Parameters
    ----------
    slide, second
        Slide, or two files of one plane each.
    settings
        Settings of the run.

    Returns
    -------
    dict
        What the slide holds, and under ``run``: the plane pair and why (or why there is none), the number of
        cells with tissue, and rough estimates of the output's size and of the run's memory.
    """
    with view_of(slide, second, settings).open() as source:
        info = source.info
        content = describe(info)
        try:
            tissue, pair = look(source, settings)
        except PlanePairError as error:
            content["run"] = {"possible": False, "reason": str(error)}
            return content
        grid = CellGrid(info.size)
        with_tissue = sum(tissue.fraction(grid.region(cell)) > 0 for cell in grid)
        workforce = Workforce.choose(settings.workers, settings.threads, 0)
        layout = StoreLayout(info.size, info.mpp or (1.0, 1.0), settings.ngff, settings.compressor)
        content["run"] = {
            "possible": info.mpp is not None,
            "reason": None if info.mpp is not None else "no mpp: give it with --mpp",
            "planes": asdict(pair),
            "tiles": {"total": sum(1 for _ in grid), "with_tissue": with_tissue},
            "output_levels": len(layout.levels),
            "output_mb": round(info.size.area * BYTES_PER_PIXEL / 2**20, 1),
            "workers": workforce.workers,
            "threads": workforce.threads,
            "memory_mb": memory_mb(settings.method, workforce),
        }
    return content


def memory_mb(method: str, workforce: Workforce) -> int:
    """Rough memory in MB of all processes of a run together; a shard in hand is its unit."""
    process = PROCESS_MB.get(method, NETWORK_PROCESS_MB)
    shard = SHARD_MB.get(method, NETWORK_SHARD_MB)
    return process + max(1, workforce.workers) * workforce.threads * shard + workforce.workers * process
