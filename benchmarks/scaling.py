"""How cost grows: ``--method sharpest`` on 1, 4 and 16 times the area, and with 1, 2 and 4 workers of one thread."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.process_tree import Cost, cost_of
from tests.support.two_shot import write_large_ome_tiff

EDGES = (6144, 12_288, 24_576)
WORKERS = (1, 2, 4)
RUNS = 2


def main() -> None:
    """Run in turns, and print medians."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        slides = [write_large_ome_tiff(folder / f"{edge}.ome.tiff", edge) for edge in EDGES]
        by_area: list[list[tuple[Cost, int]]] = [[] for _ in EDGES]
        by_workers: list[list[tuple[Cost, int]]] = [[] for _ in WORKERS]
        for _ in range(RUNS):
            for made, slide in zip(by_area, slides, strict=True):
                made.append(_run(slide, folder / "out"))
            for made, workers in zip(by_workers, WORKERS, strict=True):
                made.append(_run(slides[1], folder / "out", "--workers", str(workers), "--threads", "1"))
    print(f"--method sharpest, two planes, medians of {RUNS} runs in turn, all processes together")
    for edge, made in zip(EDGES, by_area, strict=True):
        seconds, peak, size = (median(each) for each in zip(*((c.seconds, c.peak_mb, s) for c, s in made), strict=True))
        area = edge**2 / 1e6
        print(
            f"  {edge:6} × {edge:<6} {seconds:6.1f} s, {seconds / area:.4f} s a megapixel; {peak:5.0f} MiB; "
            f"{size / area:.0f} bytes a megapixel written"
        )
    first = median(cost.seconds for cost, _ in by_workers[0])
    for workers, made in zip(WORKERS, by_workers, strict=True):
        seconds = median(cost.seconds for cost, _ in made)
        print(
            f"  {workers} workers of one thread, {EDGES[1]} × {EDGES[1]}: {seconds:6.1f} s, {first / seconds:.2f} times"
        )


def _run(slide: Path, output: Path, *options: str) -> tuple[Cost, int]:
    """What a run cost, and the bytes that it wrote."""
    command = Path(sys.executable).parent / "wsi-refocus"
    cost = cost_of([command, "run", slide, "-o", output, "--method", "sharpest", "-q", *options])
    size = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
    shutil.rmtree(output)
    return cost, size
