"""``--method tsva-lite`` against the bare forward pass of the same network on as many tiles of the same shapes."""

from __future__ import annotations

import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from itertools import repeat
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from statistics import median
from unittest.mock import patch

from tests.support.two_shot import write_large_ome_tiff
from wsi_refocus.config import make_settings
from wsi_refocus.geometry import Size
from wsi_refocus.methods import MethodSpec, MethodTraits, make_method
from wsi_refocus.pipeline.allocator import ALLOCATOR
from wsi_refocus.pipeline.compose import planned_jobs
from wsi_refocus.pipeline.engine import LocalEngine
from wsi_refocus.pipeline.prepare import prepare, view_of
from wsi_refocus.pipeline.progress import Silence
from wsi_refocus.pipeline.record import RunRecord
from wsi_refocus.pipeline.refocus import refocus_slide
from wsi_refocus.pipeline.survey import survey_slide
from wsi_refocus.pipeline.workforce import Workforce
from wsi_refocus.tiling.grid import TileGrid

EDGE = 8192
RUNS = 2
Shapes = list[Size]

_ready: Barrier
"""Where the processes of the bare forward pass wait for one another."""


class Stopwatch(Silence):
    """Seconds of the stage in which shards are made."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._began = 0.0
        self._stage = ""

    def start(self, stage: str, total: int, unit: str) -> None:
        """A stage begins."""
        self._stage, self._began = stage, time.perf_counter()

    def stop(self) -> None:
        """A stage is over."""
        if self._stage == "refocus":
            self.seconds = time.perf_counter() - self._began


def main() -> None:
    """Run in turns, and print medians and their ratio."""
    workforce = Workforce.choose(None, None, 0)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        slide = write_large_ome_tiff(folder / "slide.ome.tiff", EDGE)
        spec, shapes = tile_shapes(str(slide))
        bare, stage, whole = [], [], []
        for number in range(RUNS):
            bare.append(bare_seconds(spec, shapes, workforce))
            watch = Stopwatch()
            summary = refocus_slide(slide, output=folder / f"out-{number}", progress=watch, device="cpu", policy="off")
            stage.append(watch.seconds)
            whole.append(summary.seconds)
    print(
        f"throughput on {EDGE} × {EDGE} pixels: {len(shapes)} tiles predicted by {workforce.workers} workers of "
        f"{workforce.threads} threads, medians of {RUNS} runs in turn"
    )
    print(f"  bare forward pass  {median(bare):6.1f} s")
    print(f"  run, its shards    {median(stage):6.1f} s   {median(bare) / median(stage):.1%} of the bare throughput")
    print(f"  run, all of it     {median(whole):6.1f} s   {median(bare) / median(whole):.1%}")


def tile_shapes(slide: str) -> tuple[MethodSpec, Shapes]:
    """What a run predicts with, and the shape of every tile that it predicts: twice where it predicts both orders."""
    settings = make_settings(device="cpu")
    view = view_of(slide, None, settings)
    with view.open() as source:
        job = prepare(view, source, settings, lambda spec: MethodTraits.of(make_method(spec)))
        survey = survey_slide(job, LocalEngine(2), Silence())
    planes = (job.pair.first, job.pair.second)
    record = RunRecord(job.identity, view, planes, job.method, job.layout, settings.tile, survey)
    method = make_method(job.method)
    grid = TileGrid(settings.tile, method.halo, method.stride)
    regions = (job.layout.shard_region(index) for index in job.layout.shards)
    decisions = record.decisions()
    jobs = [each for region in regions for each in planned_jobs(region, decisions, grid, by_height=method.by_height)]
    return record.method, [each.tile.outer.size for each in jobs]


def bare_seconds(spec: MethodSpec, shapes: Shapes, workforce: Workforce) -> float:
    """Wall time of the forward passes alone, over as many processes and threads as a run has.

    The network, its layout in memory, the number of threads and the settings of the allocator are those of the
    run; start-up, weights and a first pass are not counted. The clock runs from when all processes are ready to
    when the last has ended.
    """
    spawned = get_context("spawn")
    ready = spawned.Barrier(workforce.workers)
    parts = [shapes[number :: workforce.workers] for number in range(workforce.workers)]
    with (
        patch.dict(os.environ, {name: str(value) for name, value in ALLOCATOR.items()}),
        ProcessPoolExecutor(workforce.workers, spawned, _meet_at, (ready,)) as pool,
    ):
        return max(pool.map(_forward, repeat(spec), parts, repeat(workforce.threads)))


def _meet_at(barrier: Barrier) -> None:
    global _ready
    _ready = barrier


def _forward(spec: MethodSpec, shapes: Shapes, threads: int) -> float:
    """Seconds of this process's share."""
    import torch

    from wsi_refocus.network.device import one_thread
    from wsi_refocus.network.inference import NetworkMethod

    method = make_method(spec)
    assert isinstance(method, NetworkMethod)
    network = method.forward
    inputs = {shape: torch.rand(1, 3, *shape).to(memory_format=torch.channels_last) for shape in set(shapes)}

    def one(shape: Size) -> None:
        with one_thread(), torch.inference_mode():
            network(inputs[shape], inputs[shape])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(one, shapes[:threads]))
        _ready.wait()
        began = time.perf_counter()
        list(pool.map(one, shapes))
    return time.perf_counter() - began
