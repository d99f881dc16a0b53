"""What judging costs: the fit and all evidence of a tile beside its prediction, and a run with and without it."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from tests.support.two_shot import tissue, two_planes
from wsi_refocus.geometry import Region
from wsi_refocus.methods import MethodSpec, ShotGeometry, make_method
from wsi_refocus.pipeline.refocus import refocus_slide
from wsi_refocus.quality.consistency import reblur
from wsi_refocus.quality.cross_spectra import cross_spectra
from wsi_refocus.tiling.grid import CELL
from wsi_refocus.trust.disagreement import Surroundings
from wsi_refocus.trust.judge import Judge, TrustSpec
from wsi_refocus.trust.reblurring import transfers_for

SAMPLE = Path("sample_slides/cmu-1-two-shot.ome.tiff")
RUNS = 3


def main() -> None:
    """Measure in turns, and print medians and their ratios."""
    with tempfile.TemporaryDirectory() as folder:
        seconds: dict[str, list[float]] = {"off": [], "keep-sharper": []}
        for _ in range(RUNS):
            for policy, times in seconds.items():
                began = time.perf_counter()
                refocus_slide(SAMPLE, output=Path(folder) / "out.ome.zarr", policy=policy, overwrite=True)
                times.append(time.perf_counter() - began)
    off, on = (median(each) for each in seconds.values())
    print(f"the sample, medians of {RUNS} runs in turns: {on:.1f} s judged, {off:.1f} s not: {on / off:.2f}")
    _print_tile()


def _print_tile() -> None:
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    spec = MethodSpec("tsva-lite", shots=ShotGeometry(0.75, 0.25))
    method = make_method(spec)
    halo = method.halo
    first, second = two_planes(tissue(CELL + 2 * halo, seed=1))
    tile = Region(halo, halo, CELL, CELL)
    output = np.asarray(method.restore(first[np.newaxis], second[np.newaxis])[0][tile.slices] + 0.5, np.uint8)
    place, judge = Surroundings(first, second, tile, False), Judge(TrustSpec(), spec, method)
    transfers = transfers_for(None, spec.shots.mpp)
    shots = first[tile.slices], second[tile.slices]
    steps: dict[str, Callable[[], object]] = {
        "predict": lambda: method.restore(first[np.newaxis], second[np.newaxis]),
        "fit by re-blurring": lambda: reblur(cross_spectra(output, *shots), transfers, 2 * spec.shots.offset_um),
        "all evidence": lambda: judge.judge(place, output),
    }
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(RUNS + 1):
        for name, step in steps.items():
            began = time.process_time()
            step()
            times[name].append(time.process_time() - began)
    whole = median(times["predict"][1:])
    print(f"a tile of {CELL} × {CELL} pixels on one core, medians of {RUNS}:")
    for name, each in times.items():
        print(f"  {name:<20} {median(each[1:]):6.3f} s  {median(each[1:]) / whole:6.1%}")
    os.sched_setaffinity(0, cores)


if __name__ == "__main__":
    main()
