"""What a worker does: read one shard's pixels from both planes, refocus, measure and write them."""

from __future__ import annotations

import contextlib
import gc
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from wsi_refocus.errors import OutputError
from wsi_refocus.geometry import Region
from wsi_refocus.methods import Method, MethodSpec, MethodTraits, Rounding, device_count, make_method
from wsi_refocus.ngff.layout import ShardIndex
from wsi_refocus.ngff.store import read_level, write_shard
from wsi_refocus.pipeline.compose import compose
from wsi_refocus.pipeline.journal import Journal
from wsi_refocus.pipeline.judging import ShardJudging
from wsi_refocus.pipeline.kept_open import KeptOpen
from wsi_refocus.pipeline.measure import CellImages, measure_cells, measures_of_output
from wsi_refocus.pipeline.memory import peak_rss_mb, process_name
from wsi_refocus.pipeline.phase import PhaseLayer
from wsi_refocus.pipeline.planes import OpenPlanes
from wsi_refocus.pipeline.record import RunRecord
from wsi_refocus.pipeline.seams import Seam, mend
from wsi_refocus.tiling.grid import CellGrid, CellIndex, TileGrid
from wsi_refocus.trust.judge import Judgement


@dataclass(frozen=True, slots=True)
class ShardReport:
    """What comes back from a shard.

    Attributes
    ----------
    index : ShardIndex
        The shard.
    decisions : dict
        Number of cells by decision.
    pixels : int
        Pixels of level 0 written.
    process : str
        Who did it: host and process.
    peak_rss_mb : float
        Largest memory of that process so far, in MiB.
    """

    index: ShardIndex
    decisions: dict[str, int]
    pixels: int
    process: str
    peak_rss_mb: float


class ShardWorker:
    """Everything that stays open between the shards of a run: slides, method, decisions.

    Parameters
    ----------
    output
        Folder of the output.
    record
        Record of the run.
    threads
        Tasks that this process works on at once.
    """

    def __init__(self, output: str, record: RunRecord, threads: int) -> None:
        self.output = output
        self.record = record
        self.journal = Journal(output)
        self.method = method_here(record.method, threads)
        self.tiles = TileGrid(record.tile, self.method.halo, self.method.stride)
        self.decisions = record.decisions()
        self.planes = OpenPlanes(record)
        self.phase = PhaseLayer(record.method, record.layout, record.tile, threads) if record.phase else None
        here = on_this_worker(record.method, threads)
        if isinstance(self.method, Rounding):
            self.journal.note_precision(self.method.precision)
        self.judging = None if record.trust is None else ShardJudging(record, here, self.method, self.journal, threads)

    def make(self, index: ShardIndex) -> ShardReport:
        """Make one shard and journal it."""
        region = self.record.layout.shard_region(index)
        outer = self._outer(region)
        first, second = self.planes.shots(outer)
        inner = region.relative_to(outer).slices
        pixels = compose(region, outer, first, second, self.decisions, self.method, self.tiles)
        judgements: dict[CellIndex, Judgement] = {}
        if self.judging is not None:
            judgements = self.judging.judge(region, outer, first, second, pixels)
            pixels = self.judging.act(index, region, (first[inner], second[inner]), pixels, judgements)
        write_shard(self.output, self.record.layout, index, pixels)
        if self.phase is not None:
            self.phase.write(self.output, index, outer, first, second)
        images = CellImages(first[inner], second[inner], pixels, self.planes.truth(region))
        cells = measure_cells(region, images, self.record, judgements)
        self.journal.finish_shard(*index, [cell.as_row() for cell in cells])
        return ShardReport(
            index,
            dict(Counter(cell.decision for cell in cells)),
            region.area,
            process_name(),
            peak_rss_mb(),
        )

    def mend(self, seam: Seam) -> None:
        """Fade the border of a written shard into cells beyond it that were given back."""
        region = self.record.layout.shard_region(ShardIndex(*seam.shard))
        first, second = self.planes.shots(region)
        pixels = read_level(self.output, 0, region)
        mend(seam, region, (first, second), pixels, self.record, self.journal)
        write_shard(self.output, self.record.layout, ShardIndex(*seam.shard), pixels, needed=True)
        images = CellImages(first, second, pixels, self.planes.truth(region))
        rows = self.journal.cells_of(*seam.shard)
        self.journal.finish_shard(*seam.shard, [{**row, **_measured_again(row, images, region)} for row in rows])

    def _outer(self, region: Region) -> Region:
        """Pixels to read: with the halo, unless nothing in the shard is computed."""
        if self.phase is not None:
            return region.grown(max(self.tiles.reach, self.phase.reach))
        cells = CellGrid(self.record.layout.size).within(region)
        if not any(self.decisions.predicted[cell] for cell in cells):
            return region
        return region.grown(self.tiles.reach)

    def close(self) -> None:
        """Close the slides."""
        self.planes.close()


IDLE_RUNS = 4
"""Runs that a process keeps open beyond those it works on: several slides are in flight on the same workers."""
IDLE_METHODS = 4
"""Methods that a process keeps ready: slides of several pixel sizes have one each."""

_runs: KeptOpen[tuple[str, str, int], ShardWorker] = KeptOpen(ShardWorker.close, IDLE_RUNS)
_methods: KeptOpen[MethodSpec, Method] = KeptOpen(lambda method: None, IDLE_METHODS)


def method_here(spec: MethodSpec, threads: int) -> Method:
    """Method of this process, made once: on its own GPU, or in as many threads as the process has."""
    spec = on_this_worker(spec, threads)
    with _methods.use(spec, lambda: make_method(spec)) as method:
        return method


def describe(threads: int, spec: MethodSpec) -> MethodTraits:
    """Tell of a method where it will work; the function that is sent to a worker before the first shard.

    Raises
    ------
    UsageError, CheckpointError
        If it cannot be made there.
    """
    return MethodTraits.of(method_here(spec, threads))


def warm_up(spec: MethodSpec, threads: int) -> None:
    """Import and load what a method needs ahead of the first shard, which reports what goes wrong."""
    with contextlib.suppress(Exception):
        method_here(spec, threads)
    gc.freeze()  # what was imported stays: the interpreter need not look through it again, least of all at its end


def refocus_shard(output: str, identity: str, threads: int, index: tuple[int, int]) -> ShardReport:
    """Make one shard of a run; the function that is sent to workers.

    Parameters
    ----------
    output
        Folder of the output, seen by every worker under the same path.
    identity
        Identity of the run, so that a worker notices when it is handed another.
    threads
        Tasks that the process works on at once.
    index
        Row and column of the shard.
    """
    with _worker(output, identity, threads) as worker:
        return worker.make(ShardIndex(*index))


def _worker(output: str, identity: str, threads: int) -> contextlib.AbstractContextManager[ShardWorker]:
    """Worker of this process for a run; opened once for all its threads."""

    def opened() -> ShardWorker:
        record = RunRecord.from_json(Journal(output).record())
        if record.identity != identity:
            raise OutputError(f"{output}: another run has taken over this output; wait for it or choose another -o")
        return ShardWorker(output, record, threads)

    return _runs.use((output, identity, threads), opened)


def mend_shard(output: str, identity: str, threads: int, seam: Seam) -> None:
    """Mend the border of one shard of a run; the function that is sent to workers when all shards are written.

    Parameters
    ----------
    output, identity, threads
        As of `refocus_shard`.
    seam
        The shard, and the cells around it that were given back.
    """
    with _worker(output, identity, threads) as worker:
        worker.mend(seam)


def _measured_again(row: dict[str, Any], images: CellImages, region: Region) -> dict[str, float]:
    """What is measured on the written pixels of the cell of a row."""
    place = Region(*(int(row[name]) for name in ("y", "x", "height", "width")))
    return measures_of_output(images.cut(place.relative_to(region)))


def release(output: str | None = None) -> None:
    """Close what this process holds open of runs that it does not work on.

    Parameters
    ----------
    output
        Folder of the output whose runs are closed; None for all.
    """
    _runs.release(lambda run: output is None or run[0] == output)


def on_this_worker(spec: MethodSpec, threads: int) -> MethodSpec:
    """Give each process its own GPU, by the number of the worker where Dask counts them."""
    if spec.device != "cuda":
        return replace(spec, threads=threads)
    return replace(spec, device=f"cuda:{_worker_number() % max(1, device_count())}")


def _worker_number() -> int:
    """Number of the worker on its machine or in its job, whose workers are called ``NAME-0``, ``NAME-1`` ..."""
    from distributed import get_worker

    try:
        name: Any = get_worker().name
    except ValueError:
        return 0
    if isinstance(name, int):
        return name
    number = re.search(r"-(\d+)$", str(name))
    return int(number[1]) if number else 0
