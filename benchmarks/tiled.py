"""Tiled inference with the same network: a run of ours against wsi-tile-processor on the same tissue."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median

import tifffile

from benchmarks.peers import command
from benchmarks.process_tree import Cost, cost_of
from tests.support.two_shot import write_large_ome_tiff

EDGE = 5120
RUNS = 2
_PER_CENTIMETRE = 20_000


def main() -> None:
    """Run in turns, and print medians and their ratio."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        slide = write_large_ome_tiff(folder / "slide.ome.tiff", EDGE, share=1.0)
        plane = _single_plane(slide, folder / "plane.tiff")
        ours: list[str | Path] = [Path(sys.executable).parent / "wsi-refocus", "run", slide, "-o", folder / "out"]
        commands = {
            "wsi-refocus run --policy off": [*ours, "--policy", "off", "--overwrite", "-q"],
            "wsi-tile-processor": command("wsi-tile-processor", plane, folder / "theirs.ome.tiff"),
        }
        costs: dict[str, list[Cost]] = {name: [] for name in commands}
        for _ in range(RUNS):
            for name, each in commands.items():
                costs[name].append(cost_of(each))
    print(f"the network of tsva-lite over {EDGE} × {EDGE} pixels of tissue, medians of {RUNS} runs in turn")
    seconds = {name: median(cost.seconds for cost in made) for name, made in costs.items()}
    for name, made in costs.items():
        print(f"  {name:30} {seconds[name]:6.1f} s   {median(cost.peak_mb for cost in made):6.0f} MiB")
    here, there = seconds.values()
    print(f"  wsi-refocus is {there / here:.2f} times as fast, with halo, alignment, choice of plane and quality table")


def _single_plane(slide: Path, path: Path) -> Path:
    """The first plane as a file that OpenSlide reads, and whose µm per pixel it knows."""
    tifffile.imwrite(
        path,
        tifffile.imread(slide, key=0),
        photometric="rgb",
        compression="jpeg",
        tile=(512, 512),
        resolution=(_PER_CENTIMETRE, _PER_CENTIMETRE),
        resolutionunit="CENTIMETER",
    )
    return path
