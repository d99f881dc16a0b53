"""Seconds per megapixel of every method, on one core, in turns within one process."""

from __future__ import annotations

import os
import time
from statistics import median

from tests.support.two_shot import tissue, two_planes
from wsi_refocus.evaluation.case import restored
from wsi_refocus.methods import MethodSpec, ShotGeometry, available, make_method

EDGE = 1024
RUNS = 3


def main() -> None:
    """Restore one field by every method in turns, and print medians of the processor's time."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    first, second = two_planes(tissue(EDGE, seed=1))
    names = [name for name, _ in available()]
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(RUNS):
        for name in names:
            method = make_method(MethodSpec(name, shots=ShotGeometry(0.75, 0.25)))
            began = time.process_time()
            restored(method, first, second)
            seconds[name].append(time.process_time() - began)
    print(f"one field of {EDGE} × {EDGE} pixels with its halo on one core, medians of {RUNS} runs, 0.25 µm per pixel")
    for name in names:
        print(f"  {name:<16} {median(seconds[name]) / (EDGE**2 / 1e6):7.2f} s per megapixel")
