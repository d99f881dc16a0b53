"""Reading and writing alone: ``--method sharpest`` against ngff-zarr on the same slide."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.process_tree import Cost, cost_of
from tests.support.two_shot import write_large_ome_tiff

EDGE = 8192
RUNS = 3


def main() -> None:
    """Convert in turns, and print medians and their ratio."""
    scripts = Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        slide = write_large_ome_tiff(folder / "slide.ome.tiff", EDGE)
        ours: list[str | Path] = [scripts / "wsi-refocus", "run", slide, "-o", folder / "ours"]
        ours += ["--method", "sharpest", "-q"]
        theirs: list[str | Path] = [scripts / "ngff-zarr", "-q", "-i", slide, "-o", folder / "theirs.ome.zarr"]
        theirs += ["-c", "512", "-m", "dask_bin_shrink"]
        costs: dict[str, list[Cost]] = {"wsi-refocus": [], "ngff-zarr": []}
        for _ in range(RUNS):
            for name, command in (("wsi-refocus", ours), ("ngff-zarr", theirs)):
                costs[name].append(cost_of(command))
                shutil.rmtree(folder / "ours", ignore_errors=True)
                shutil.rmtree(folder / "theirs.ome.zarr", ignore_errors=True)
    print(f"conversion of {EDGE} × {EDGE} × 2 planes (JPEG, not pyramidal), medians of {RUNS} runs in turn")
    for name, each in costs.items():
        seconds, peak = median(cost.seconds for cost in each), median(cost.peak_mb for cost in each)
        print(f"  {name:12} {seconds:6.1f} s   {peak:6.0f} MiB")
    seconds_of = {name: median(cost.seconds for cost in each) for name, each in costs.items()}
    print(f"  wsi-refocus is {seconds_of['ngff-zarr'] / seconds_of['wsi-refocus']:.2f} times as fast")
