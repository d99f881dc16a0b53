"""How cost grows: on 1, 4 and 16 times the area, and with 1, 2 and 4 workers of one thread."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.process_tree import Cost, cost_of
from tests.support.two_shot import write_large_ome_tiff

EDGES = (8192, 16_384, 32_768)
PREDICTED = 5120
WORKERS = (1, 2, 4)
RUNS = 2


def main() -> None:
    """Run in turns, and print medians."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        slides = [write_large_ome_tiff(folder / f"{edge}.ome.tiff", edge) for edge in EDGES]
        predicted = write_large_ome_tiff(folder / "predicted.ome.tiff", PREDICTED)
        by_area: list[list[tuple[Cost, int]]] = [[] for _ in EDGES]
        by_workers: list[list[float]] = [[] for _ in WORKERS]
        for _ in range(RUNS):
            for made, slide in zip(by_area, slides, strict=True):
                made.append(_run(slide, folder / "out", "--method", "sharpest"))
            for seconds, workers in zip(by_workers, WORKERS, strict=True):
                options = ("--policy", "off", "--workers", str(workers), "--threads", "1")
                seconds.append(_run(predicted, folder / "out", *options)[0].seconds)
    _print_areas(by_area)
    print(f"--method tsva-lite, {PREDICTED} × {PREDICTED}, workers of one thread, medians of {RUNS} runs in turn")
    for workers, seconds in zip(WORKERS, by_workers, strict=True):
        ratio = median(by_workers[0]) / median(seconds)
        print(f"  {workers} workers  {median(seconds):6.1f} s, {ratio:.2f} times as fast as one")


def _print_areas(by_area: list[list[tuple[Cost, int]]]) -> None:
    print(f"--method sharpest, two planes, medians of {RUNS} runs in turn, all processes together")
    before = (0.0, 0.0)
    for edge, made in zip(EDGES, by_area, strict=True):
        seconds, peak, size = (median(each) for each in zip(*((c.seconds, c.peak_mb, s) for c, s in made), strict=True))
        area = edge**2 / 1e6
        further = (seconds - before[0]) / (area - before[1])
        print(
            f"  {edge:6} × {edge:<6} {seconds:6.1f} s, {further:.4f} s for each further megapixel; {peak:5.0f} MiB; "
            f"{size / area:.0f} bytes a megapixel written"
        )
        before = seconds, area


def _run(slide: Path, output: Path, *options: str) -> tuple[Cost, int]:
    """What a run cost, and the bytes that it wrote."""
    command = Path(sys.executable).parent / "wsi-refocus"
    cost = cost_of([command, "run", slide, "-o", output, "-q", *options])
    size = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
    shutil.rmtree(output)
    return cost, size
