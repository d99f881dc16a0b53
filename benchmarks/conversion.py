"""Reading and writing alone: ``--method sharpest`` against other libraries and the bare codecs on the same slide."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.peers import command
from benchmarks.process_tree import Cost, cost_of
from tests.support.two_shot import write_large_ome_tiff

EDGE = 16_384
RUNS = 2


def main() -> None:
    """Convert in turns, and print medians and their ratios."""
    scripts = Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        slide = write_large_ome_tiff(folder / "slide.ome.tiff", EDGE)
        ours: list[str | Path] = [scripts / "wsi-refocus", "run", slide, "-o", folder / "ours"]
        ours += ["--method", "sharpest", "-q"]
        theirs: list[str | Path] = [scripts / "ngff-zarr", "-q", "-i", slide, "-o", folder / "theirs.ome.zarr"]
        theirs += ["-c", "512", "-m", "dask_bin_shrink"]
        bare: list[str | Path] = [sys.executable, "-m", "benchmarks.floor", slide]
        others = {name: command(name, slide, folder / "other") for name in ("ome-zarr-py", "pyvips")}
        commands = {"wsi-refocus": ours, "ngff-zarr": theirs, **others, "codecs alone": bare}
        costs: dict[str, list[Cost]] = {name: [] for name in commands}
        sizes: dict[str, int] = {}
        for _ in range(RUNS):
            for name, each in commands.items():
                costs[name].append(cost_of(each))
                for output in (folder / "ours", folder / "theirs.ome.zarr", folder / "other"):
                    if output.exists():
                        files = [path for path in (output, *output.rglob("*")) if path.is_file()]
                        sizes[name] = sum(path.stat().st_size for path in files)
                        shutil.rmtree(output) if output.is_dir() else output.unlink()
        read = slide.stat().st_size
    work = median(float(cost.output.split()[0]) for cost in costs["codecs alone"])
    sizes["codecs alone"] = int(costs["codecs alone"][0].output.split()[1])
    print(f"conversion of {EDGE} × {EDGE} × 2 planes ({read / 1e6:.0f} MB of JPEG), medians of {RUNS} runs in turn")
    for name, made in costs.items():
        seconds, peak = median(cost.seconds for cost in made), median(cost.peak_mb for cost in made)
        print(f"  {name:14} {seconds:6.1f} s   {peak:6.0f} MiB   {sizes[name] / 1e6:6.0f} MB compressed")
    seconds_of = {name: median(cost.seconds for cost in made) for name, made in costs.items()}
    print(f"  wsi-refocus is {seconds_of['ngff-zarr'] / seconds_of['wsi-refocus']:.2f} times as fast as ngff-zarr")
    print(
        f"  and takes {seconds_of['wsi-refocus'] / work:.2f} times as long as the codecs alone ({work:.1f} s of work)"
    )
