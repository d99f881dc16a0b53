"""What refocusing an archive would take, looked up before anything is done."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from wsi_refocus.archive.entry import Entry, Refused
from wsi_refocus.archive.footprint import count_files, estimate_bytes
from wsi_refocus.archive.sizes import size_of
from wsi_refocus.archive.speed import Speed
from wsi_refocus.config import RunSettings
from wsi_refocus.errors import RefocusError
from wsi_refocus.ngff.layout import StoreLayout
from wsi_refocus.ngff.metadata import is_finished
from wsi_refocus.pipeline.inspect import memory_mb
from wsi_refocus.pipeline.place import workforce_here
from wsi_refocus.pipeline.prepare import look, view_of
from wsi_refocus.slide.open import require_mpp
from wsi_refocus.storage.urls import is_remote
from wsi_refocus.tiling.grid import CellGrid

_LOOKING = 4
"""Slides that are looked at at once."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one slide takes.

    Attributes
    ----------
    slide, second, output : str
        Its files and its result.
    finished : bool
        Whether the result is there already.
    source_mb : float
        Size of the files; 0 for URLs.
    height, width : int
        Pixels of the level that is refocused.
    mpp : float
        µm per pixel of that level, the mean of both axes.
    z_um : tuple of float or None
        Heights of all planes in µm, None where unknown.
    planes : tuple of int
        Planes that are used.
    tissue_share : float
        Share of the area that is tissue, by a thumbnail.
    tiles, tiles_with_tissue, shards : int
        Tiles of 512 × 512 pixels, and shards of 2048 × 2048.
    files : int
        Files of the output; exact for a slide with tissue.
    megabytes : float
        Size of the output, by compressing a few tiles; within a factor of two.
    memory_mb : float
        Memory of all processes together, roughly.
    slots : int
        Shards that are worked on at once.
    work_seconds : float
        Time that one thread would take, by predicting one tile here and now; within a factor of two or so.
    seconds : float
        Time on this machine, with all workers at work on this slide alone.
    """

    slide: str
    second: str | None
    output: str
    finished: bool
    source_mb: float
    height: int
    width: int
    mpp: float
    z_um: tuple[float | None, ...]
    planes: tuple[int, int]
    tissue_share: float
    tiles: int
    tiles_with_tissue: int
    shards: int
    files: int
    megabytes: float
    memory_mb: float
    slots: int
    work_seconds: float = 0.0
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        return asdict(self)


def estimate(
    entries: Sequence[Entry], settings_of: Callable[[Entry], RunSettings]
) -> tuple[list[Estimate], list[Refused]]:
    """Look at every slide, and say what it takes or why it cannot be used.

    Times hold for this machine; of a cluster of such machines, divide them by their number.

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
    settings = [settings_of(entry) for entry in entries]
    with ThreadPoolExecutor(_LOOKING) as pool:
        looks = list(pool.map(_look, entries, settings))
    # only now, when nothing else is at work, can it be measured how fast the methods are
    speed = Speed()
    estimates = [
        _timed(found, how, speed) for found, how in zip(looks, settings, strict=True) if isinstance(found, Estimate)
    ]
    return estimates, [found for found in looks if isinstance(found, Refused)]


def _look(entry: Entry, settings: RunSettings) -> Estimate | Refused:
    try:
        with view_of(entry.slide, entry.second, settings).open() as source:
            info, mpp = source.info, require_mpp(source.info)
            tissue, pair = look(source, settings)
            layout = StoreLayout(info.size, mpp, settings.ngff, settings.compressor)
            grid = CellGrid(info.size)
            shares = {cell: tissue.fraction(grid.region(cell)) for cell in grid}
            within = [cell for cell, share in shares.items() if share > 0]
            without = [cell for cell, share in shares.items() if share <= 0]
            size = estimate_bytes(source, pair.first, within, without, layout)
            workforce = workforce_here(settings)
            return Estimate(
                slide=entry.slide,
                second=entry.second,
                output=entry.output,
                finished=not is_remote(entry.output) and is_finished(entry.output),
                source_mb=size_of(entry) / 2**20,
                height=info.size.height,
                width=info.size.width,
                mpp=(mpp[0] + mpp[1]) / 2,
                z_um=tuple(plane.z_um for plane in info.planes),
                planes=(pair.first, pair.second),
                tissue_share=sum(shares[cell] * grid.region(cell).area for cell in grid) / info.size.area,
                tiles=len(shares),
                tiles_with_tissue=len(within),
                shards=len(layout.shards),
                files=count_files(layout, info, settings),
                megabytes=size / 2**20,
                memory_mb=memory_mb(settings.method, workforce),
                slots=max(1, workforce.workers) * workforce.threads,
            )
    except RefocusError as error:
        return Refused(entry.files, str(error))


def _timed(found: Estimate, settings: RunSettings, speed: Speed) -> Estimate:
    work = speed.work_seconds(settings, found.tiles_with_tissue, found.shards)
    return replace(found, work_seconds=work, seconds=work / min(found.slots, found.shards))


def total_seconds(estimates: Sequence[Estimate]) -> float:
    """Time of all slides on this machine: several are in flight where one cannot fill it."""
    return max(
        sum(each.work_seconds / each.slots for each in estimates), max((each.seconds for each in estimates), default=0)
    )


def plan_text(estimates: Sequence[Estimate], refused: Sequence[Refused], notes: Sequence[str]) -> str:
    """Plan for people: a line a slide, the sums, and what cannot be used.

    Parameters
    ----------
    estimates, refused
        What was looked at.
    notes
        What was passed over.
    """
    rows = [_HEAD, *map(_row, estimates)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD) - 1)]
    lines = ["  ".join([*map(str.rjust, row[:-1], widths), row[-1]]) for row in rows]
    todo = [each for each in estimates if not each.finished]
    there = f", of which {len(estimates) - len(todo)} are finished already" if len(todo) < len(estimates) else ""
    tiles, files = sum(each.tiles_with_tissue for each in todo), sum(each.files for each in todo)
    memory = max((each.memory_mb for each in todo), default=0)
    lines.append(
        f"{len(estimates)} slides{there}; to do: {tiles} tiles with tissue, about {_time(total_seconds(todo))} on this "
        f"machine; {sum(each.megabytes for each in todo):.0f} MB and {files} files of output; {memory:.0f} MB of memory"
    )
    lines += _disks(todo)
    lines += [f"not used: {' + '.join(each.names)}: {each.reason}" for each in refused]
    lines += [f"passed over: {note}" for note in notes]
    return "\n".join(lines)


_HEAD = ("pixels", "mpp", "planes", "tissue", "tiles", "shards", "MB", "files", "time", "slide -> result")


def _row(each: Estimate) -> tuple[str, ...]:
    slide = each.slide if each.second is None else f"{each.slide} + {each.second}"
    heights = [each.z_um[index] for index in each.planes]
    planes = "?" if None in heights else "/".join(f"{z:+g}" for z in heights)
    return (
        f"{each.height} × {each.width}",
        f"{each.mpp:.3g}",
        f"{planes} of {len(each.z_um)}",
        f"{each.tissue_share:.0%}",
        f"{each.tiles_with_tissue}/{each.tiles}",
        f"{each.shards}",
        f"{each.megabytes:.0f}",
        f"{each.files}",
        "finished" if each.finished else _time(each.seconds),
        f"{slide} -> {each.output}",
    )


def _disks(estimates: Sequence[Estimate]) -> list[str]:
    """What is needed and free on every file system."""
    needed: dict[Path, float] = defaultdict(float)
    devices: dict[int, Path] = {}
    for each in estimates:
        if not is_remote(each.output):
            place = Path(each.output).absolute()
            place = next(parent for parent in (place, *place.parents) if parent.exists())
            needed[devices.setdefault(place.stat().st_dev, place)] += each.megabytes
    lines = []
    for place, megabytes in needed.items():
        free = shutil.disk_usage(place).free / 2**20
        verdict = ", which is not enough" if free < megabytes else ""
        lines.append(f"disk of {place}: {megabytes:.0f} MB needed, {free:.0f} MB free{verdict}")
    return lines


def _time(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{seconds:.0f} s" if seconds < 100 else f"{minutes // 60}:{minutes % 60:02d} h"
