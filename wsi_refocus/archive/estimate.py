"""What refocusing an archive would take, looked up before anything is done."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wsi_refocus.archive.entry import Entry, Refused
from wsi_refocus.config import RunSettings
from wsi_refocus.errors import RefocusError
from wsi_refocus.geometry import Size
from wsi_refocus.methods import MethodSpec, make_method
from wsi_refocus.ngff.layout import StoreLayout
from wsi_refocus.pipeline.inspect import inspect_slide
from wsi_refocus.pipeline.prepare import absolute
from wsi_refocus.storage.urls import is_remote
from wsi_refocus.tiling.grid import CELL

_LOOKING = 4
"""Slides that are looked at at once."""
_BESIDE = 1.6
"""Time of a tile with all that goes with it (reading, evidence, writing) over that of its prediction alone; measured
on the sample slide with ``tsva-lite`` on two cores."""
_SECONDS_A_SHARD = 0.6
"""Time of a shard without a prediction: reading two planes, writing; measured on the same."""
_DOCUMENTS = 12
"""Files of an output beside its shards and those of its quality image."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one slide takes.

    Attributes
    ----------
    slide, second, output : str
        Its files and its result.
    height, width : int
        Pixels of the level that is refocused.
    planes : tuple of int
        Planes that are used.
    tissue_share : float
        Share of tiles that hold tissue, by a thumbnail.
    tiles, tiles_with_tissue, shards, files : int
        Tiles of 512 × 512 pixels, shards of 2048 × 2048, and files of the output.
    megabytes : float
        Size of the output: two bytes a pixel, all levels together, measured on stained sections; glass takes less.
    memory_mb : float
        Memory of all processes together.
    seconds : float
        Time on this machine, with all workers at work on it.
    """

    slide: str
    second: str | None
    output: str
    height: int
    width: int
    planes: tuple[int, int]
    tissue_share: float
    tiles: int
    tiles_with_tissue: int
    shards: int
    files: int
    megabytes: float
    memory_mb: float
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        return asdict(self)


def estimate(
    entries: Sequence[Entry], settings_of: Callable[[Entry], RunSettings]
) -> tuple[list[Estimate], list[Refused]]:
    """Look at every slide, and say what it takes or why it cannot be used.

    Times come from one tile that is predicted here and now, so they hold for this machine, within a factor of two or
    so; of a cluster, divide them by its workers.

    Parameters
    ----------
    entries
        The slides.
    settings_of
        Settings of each.

    Returns
    -------
    estimates : list of Estimate
    refused : list of Refused
        Slides that a run would refuse, with what it would say.
    """
    rates: dict[MethodSpec, float] = {}

    def look(entry: Entry) -> Estimate | Refused:
        settings = settings_of(entry)
        try:
            found = inspect_slide(entry.slide, entry.second, settings)
        except RefocusError as error:
            return Refused(entry.files, str(error))
        if not found["run"]["possible"]:
            return Refused(entry.files, str(found["run"]["reason"]))
        return _estimate(entry, settings, found, rates)

    with ThreadPoolExecutor(_LOOKING) as pool:
        looks = list(pool.map(look, entries))
    return [each for each in looks if isinstance(each, Estimate)], [each for each in looks if isinstance(each, Refused)]


def _estimate(entry: Entry, settings: RunSettings, found: dict[str, Any], rates: dict[MethodSpec, float]) -> Estimate:
    run, size = found["run"], Size(*found["size"])
    layout = StoreLayout(size, (1.0, 1.0), settings.ngff, settings.compressor)
    tiles, tissue = run["tiles"]["total"], run["tiles"]["with_tissue"]
    slots = max(1, run["workers"]) * run["threads"]
    work = tissue * _seconds_a_tile(settings, rates) * _BESIDE + len(layout.shards) * _SECONDS_A_SHARD
    return Estimate(
        slide=entry.slide,
        second=entry.second,
        output=entry.output,
        height=size.height,
        width=size.width,
        planes=(run["planes"]["first"], run["planes"]["second"]),
        tissue_share=tissue / max(tiles, 1),
        tiles=tiles,
        tiles_with_tissue=tissue,
        shards=len(layout.shards),
        files=_files(layout),
        megabytes=run["output_mb"],
        memory_mb=run["memory_mb"],
        seconds=work / min(slots, len(layout.shards)),
    )


def _files(layout: StoreLayout) -> int:
    """Files of an output without associated images: one a shard, or one a chunk where there are no shards."""
    edge = [level.shard if layout.version == "0.5" else level.chunk for level in layout.levels]
    counted = (
        -(-level.size.height // e) * -(-level.size.width // e) for level, e in zip(layout.levels, edge, strict=True)
    )
    return sum(counted) + len(layout.levels) + _DOCUMENTS


def _seconds_a_tile(settings: RunSettings, rates: dict[MethodSpec, float]) -> float:
    """Time in which one thread predicts one tile of noise; measured once a method."""
    spec = MethodSpec(settings.method, settings.checkpoint, "cpu", profile=absolute(settings.profile), threads=1)
    if spec not in rates:
        method = make_method(spec)
        edge = -(-(CELL + 2 * method.halo) // method.stride) * method.stride
        shots = np.random.default_rng(0).integers(120, 240, (2, 1, edge, edge, 3), np.uint8)
        method.restore(shots[0], shots[1])
        began = time.perf_counter()
        method.restore(shots[0], shots[1])
        rates[spec] = time.perf_counter() - began
    return rates[spec]


def free_megabytes(output: str) -> float | None:
    """Free space where an output would lie; None for a bucket."""
    if is_remote(output):
        return None
    place = Path(output).absolute()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free / 2**20


def plan_text(estimates: Sequence[Estimate], refused: Sequence[Refused], notes: Sequence[str]) -> str:
    """Plan for people: a line a slide, the sums, and what cannot be used.

    Parameters
    ----------
    estimates, refused
        What was looked at.
    notes
        What was passed over.
    """
    lines = [
        f"{'pixels':>15} {'tissue':>7} {'tiles':>7} {'shards':>6} {'MB':>8} {'files':>6} {'time':>8}  slide -> result"
    ]
    for each in estimates:
        slide = each.slide if each.second is None else f"{each.slide} + {each.second}"
        lines.append(
            f"{each.height:>7}×{each.width:<7} {each.tissue_share:>6.0%} {each.tiles_with_tissue:>7} {each.shards:>6} "
            f"{each.megabytes:>8.0f} {each.files:>6} {_time(each.seconds):>8}  {slide} -> {each.output}"
        )
    megabytes = sum(each.megabytes for each in estimates)
    memory = max((each.memory_mb for each in estimates), default=0)
    lines += [
        f"{len(estimates)} slides, {sum(each.tiles_with_tissue for each in estimates)} tiles with tissue, about "
        f"{_time(sum(each.seconds for each in estimates))} on this machine; {megabytes:.0f} MB and "
        f"{sum(each.files for each in estimates)} files of output; {memory:.0f} MB of memory",
    ]
    for place in sorted({os.path.dirname(each.output) for each in estimates}):  # noqa: PTH120 - of URLs, too
        free = free_megabytes(place or ".")
        if free is not None and free < sum(e.megabytes for e in estimates if os.path.dirname(e.output) == place):  # noqa: PTH120
            lines.append(f"{place}: has {free:.0f} MB free, which is not enough")
    lines += [f"not used: {' + '.join(each.names)}: {each.reason}" for each in refused]
    lines += [f"passed over: {note}" for note in notes]
    return "\n".join(lines)


def _time(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{seconds:.0f} s" if seconds < 100 else f"{minutes // 60}:{minutes % 60:02d} h"
