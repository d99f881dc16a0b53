"""Ledgers of archives that were never refocused, written as a batch writes them."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.support.two_shot import tissue
from wsi_refocus.archive.entry import Entry
from wsi_refocus.archive.ledger import Ledger
from wsi_refocus.pipeline.summary import RunSummary, count_decisions

HOLDER = {"host": "node7", "process": 4711, "began": "2026-02-03T20:00:00+00:00"}


def entry_of(folder: Path, name: str) -> Entry:
    return Entry(str(folder / f"{name}.svs"), None, str(folder / f"{name}.refocused.ome.zarr"))


def result_of(entry: Entry, *, kept: int = 4, gain: float = 0.6, shift: float = 1.0) -> dict[str, Any]:
    """What a run of 120 tiles says at its end, and what the archive adds."""
    tiles = count_decisions(["refocused"] * (60 - kept) + ["kept"] * kept + ["background"] * 60)
    output = entry.output
    summary = RunSummary(
        output, f"{output}/preview.png", "tsva-lite", "c0ffee", (0, 1), (shift, 0.0), (5120, 6144), 5, tiles, 40.0, 0.8,
        900.0,
    )  # fmt: skip
    return summary.to_json() | {
        "report": f"{output}/report/index.html",
        "exports": [],
        "bounds": {"psnr_bound": {"p10": 27.0, "median": 30.0}, "gain_bound": {"p10": gain - 0.5, "median": gain}},
        "drift_um": {"p10": -0.4, "median": 0.1, "p90": 0.5},
        "mpp": [0.25, 0.25],
    }


def finish(ledger: Ledger, entry: Entry, *, seconds: float = 42.0, number: int = 1, **result: Any) -> None:
    ledger.add([entry])
    ledger.begin(entry.key, number, HOLDER)
    ended = "2026-02-04T05:06:07+00:00"
    ledger.end(entry.key, number, "done", seconds=seconds, ended=ended, result=result_of(entry, **result))


def fail(ledger: Ledger, entry: Entry, error: str, tries: int = 3) -> None:
    ledger.add([entry])
    for number in range(1, tries + 1):
        ledger.begin(entry.key, number, HOLDER)
        ledger.end(entry.key, number, "failed", seconds=2.0, error=error, kind="SlideError")


def picture(seed: int = 0, shape: tuple[int, int] = (160, 240)) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(tissue(shape, seed=seed))).save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
