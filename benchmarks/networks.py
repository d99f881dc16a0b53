"""``tsva-lite`` against ``tsva`` at full width, and against the rate of a matrix product, on all cores."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import numpy as np
import torch

from wsi_refocus.methods import Method, MethodSpec, ShotGeometry, make_method
from wsi_refocus.network.device import one_thread
from wsi_refocus.network.inference import NetworkMethod
from wsi_refocus.network.tsva import Tsva
from wsi_refocus.tiling.grid import TILE

RUNS = 2
PRODUCT = 4096


def main() -> None:
    """Measure in turns, and print medians and their ratios."""
    threads = len(os.sched_getaffinity(0))
    lite = make_method(MethodSpec("tsva-lite", shots=ShotGeometry(0.75, 0.25), threads=threads))
    assert isinstance(lite, NetworkMethod)
    methods = {
        "tsva-lite": lite,
        "tsva": NetworkMethod("tsva", Tsva().eval(), threads=threads),
        "tsva, half": NetworkMethod("tsva", Tsva().eval(), threads=threads, precision="half"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ("product", *methods)}
    for _ in range(RUNS):
        seconds["product"].append(_together(_product, threads))
        for name, method in methods.items():
            seconds[name].append(_predict(method, threads))
    rate = threads * 2 * PRODUCT**3 / median(seconds["product"]) / 1e9
    print(f"{threads} threads, one core each; medians of {RUNS} runs in turn; {rate:.0f} GFLOP/s in a matrix product")
    speed = {name: threads * TILE**2 / 1e6 / median(seconds[name]) for name in methods}
    for name, method in methods.items():
        share = 1 - (TILE / (TILE + 2 * method.halo)) ** 2
        times = speed["tsva-lite"] / speed[name]
        print(f"  {name:10} {speed[name]:8.4f} megapixels a second in {method.precision}; tsva-lite: {times:.1f} ×")
        print(f"             in tiles of {TILE} with a halo of {method.halo} ({share:.1%} of the pixels)")


def _predict(method: Method, threads: int) -> float:
    """Seconds of one tile a thread, when memory and caches are warm."""
    side = TILE + 2 * method.halo
    tiles = np.random.default_rng(0).integers(0, 255, (threads, side, side, 3), np.uint8)
    method.restore(tiles, tiles)
    began = time.perf_counter()
    method.restore(tiles, tiles)
    return time.perf_counter() - began


def _product() -> None:
    matrix = torch.rand(PRODUCT, PRODUCT)
    with one_thread():
        torch.mm(matrix, matrix)


def _together(work: Callable[[], None], threads: int) -> float:
    with ThreadPoolExecutor(threads) as pool:
        began = time.perf_counter()
        for done in [pool.submit(work) for _ in range(threads)]:
            done.result()
        return time.perf_counter() - began
