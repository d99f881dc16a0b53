"""Refocus one slide, from the plan to the finished store."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from wsi_refocus.config import RunSettings, make_settings
from wsi_refocus.errors import CheckpointError, FailedShardsError, OutputError
from wsi_refocus.methods import MethodSpec, MethodTraits, make_method, uses_gpu
from wsi_refocus.ngff.layout import ShardIndex
from wsi_refocus.ngff.metadata import PHASE_GROUP
from wsi_refocus.ngff.store import create_store
from wsi_refocus.pipeline import head_start
from wsi_refocus.pipeline.cluster import open_engine
from wsi_refocus.pipeline.engine import Engine, Outcome
from wsi_refocus.pipeline.finish import PREVIEW, finish
from wsi_refocus.pipeline.journal import Journal
from wsi_refocus.pipeline.memory import PeakMemory
from wsi_refocus.pipeline.output_folder import check_output, claimed, make_way
from wsi_refocus.pipeline.place import place_of
from wsi_refocus.pipeline.prepare import Job, default_output, method_of, prepare, view_of
from wsi_refocus.pipeline.progress import Progress, Silence
from wsi_refocus.pipeline.record import RunRecord
from wsi_refocus.pipeline.seams import seams_of
from wsi_refocus.pipeline.summary import RunSummary, count_decisions, fidelity
from wsi_refocus.pipeline.survey import survey_reference, survey_slide
from wsi_refocus.pipeline.worker import ShardReport, describe, mend_shard, refocus_shard, release, warm_up
from wsi_refocus.tiling.grid import CellGrid

logger = logging.getLogger(__name__)


def refocus_slide(
    slide: str | Path,
    second: str | Path | None = None,
    output: str | Path | None = None,
    *,
    progress: Progress | None = None,
    csv: str | Path | None = None,
    **options: Any,
) -> RunSummary:
    """Refocus a slide scanned at two focal planes.

    Memory does not grow with the slide: each thread of each worker holds one shard of 2048 × 2048 pixels,
    of both planes and of the result, and what the method needs for one tile.

    Parameters
    ----------
    slide
        Slide of two or more focal planes, or the first of two files.
    second
        Second file of a pair.
    output
        Folder to write; by default ``NAME.refocused.ome.zarr`` beside the slide. An unfinished output of the
        same run is continued.
    progress
        Receiver of the run's progress.
    csv
        File to write the quality table to as CSV, too.
    **options
        Any field of `wsi_refocus.config.RunSettings`.

    Returns
    -------
    RunSummary
        What was done.

    Raises
    ------
    UsageError
        If an option is wrong.
    SlideError
        If the slide cannot be used.
    OutputError
        If the output exists, belongs to another run, or cannot be written.
    FailedShardsError
        If some shards could not be made; all others are, and calling again retries these.

    Examples
    --------
    >>> summary = refocus_slide("slide.ome.tiff", method="mean")  # doctest: +SKIP
    >>> summary.output  # doctest: +SKIP
    'slide.refocused.ome.zarr'
    """
    settings = make_settings(**options)
    return refocus_with(
        str(slide),
        None if second is None else str(second),
        None if output is None else str(output),
        settings,
        progress=progress,
        csv=None if csv is None else str(csv),
    )


def refocus_with(
    slide: str,
    second: str | None,
    output: str | None,
    settings: RunSettings,
    *,
    progress: Progress | None = None,
    csv: str | None = None,
    engine: Engine | None = None,
    copies: Mapping[str, str] | None = None,
) -> RunSummary:
    """Refocus a slide as `refocus_slide`, with settings that are checked already.

    With an ``engine``, work is given to workers that are there already, and may be at work on other slides; it stays
    open. ``copies`` says where the bytes of each file are read instead; workers see them, too.
    """
    began = time.monotonic()
    progress = progress or Silence()
    memory = PeakMemory()
    folder = Path(output) if output is not None else default_output(slide)
    view = view_of(slide, second, settings, copies)
    with contextlib.ExitStack() as stack:
        stack.callback(release, str(folder))
        source = stack.enter_context(view.open())
        check_output(folder, settings.overwrite)
        stack.enter_context(claimed(folder))
        with ThreadPoolExecutor(1) as beside:
            starting = beside.submit(lambda: engine or start_engine(stack, settings))
            at_hand = starting if engine is None and place_of(settings).elsewhere is None else None
            job = prepare(view, source, settings, lambda spec: _described(spec, at_hand))
            runner = starting.result()
        make_way(folder, job, settings.overwrite)
        record = _begin_or_resume(folder, job, settings, runner, progress)
        pixels = _make_shards(folder, record, settings.retries, runner, progress, memory)
        _mend_seams(folder, record, settings.retries, runner, progress)
        table = finish(folder, job, record, settings, csv, time.monotonic() - began)
    seconds = time.monotonic() - began
    measured = fidelity(table, record.planes[0])
    return RunSummary(
        output=str(folder),
        preview=str(folder / PREVIEW),
        method=settings.method,
        checkpoint=job.checkpoint_sha256,
        planes=record.planes,
        shift_px=record.survey.slide_shift,
        shape=(record.layout.size.height, record.layout.size.width),
        levels=len(record.layout.levels),
        tiles=count_decisions(table["decision"]),
        seconds=round(seconds, 3),
        megapixels_per_second=round(pixels / 1e6 / seconds, 3),
        peak_rss_mb=round(memory.total_mb(), 1),
        psnr_db=measured[0] if measured else None,
        ssim=measured[1] if measured else None,
    )


def start_engine(stack: contextlib.ExitStack, settings: RunSettings) -> Engine:
    """Start the workers that settings ask for, and let them load the method.

    Parameters
    ----------
    stack
        What ends the workers when it is closed.
    settings
        Settings of the run.
    """
    place = place_of(settings)
    if place.elsewhere is None and place.workforce.workers:
        head_start.begin(with_torch=uses_gpu(settings.method))
    engine = stack.enter_context(open_engine(place.workforce, place.elsewhere, task_seconds=settings.shard_timeout))
    engine.warm_up(warm_up, method_of(settings, place.device), engine.threads)
    return engine


def _described(spec: MethodSpec, at_hand: Future[Engine] | None) -> MethodTraits:
    """What a worker of this machine tells of a method: it has loaded it meanwhile, and this process need not.

    Where workers are not at hand but may have to be waited for, what is wrong is better found here.
    """
    if at_hand is None:
        return MethodTraits.of(make_method(replace(spec, device="cpu")))
    import_module("scipy.ndimage")  # the survey needs it, and there is time now
    runner = at_hand.result()
    (outcome,) = runner.run(describe, [spec], (runner.threads,), 0)
    if outcome.result is None:
        raise outcome.error or RuntimeError(f"{spec.name} is not described")
    return outcome.result


def _begin_or_resume(folder: Path, job: Job, settings: RunSettings, runner: Engine, progress: Progress) -> RunRecord:
    journal = Journal(folder)
    if journal.exists:
        record = RunRecord.from_json(journal.record())
        if record.view != job.view:
            record = replace(record, view=job.view)
            journal.renew(record.to_json())
        return record
    survey = survey_slide(job, runner, progress)
    record = RunRecord(
        identity=job.identity,
        view=job.view,
        planes=(job.pair.first, job.pair.second),
        method=job.method,
        layout=job.layout,
        tile=settings.tile,
        survey=survey,
        reference=survey_reference(job, survey, settings, runner, progress),
        phase=settings.phase,
        trust=job.trust,
    )
    create_store(folder, record.layout)
    if record.phase:
        create_store(folder / PHASE_GROUP, record.layout)
    journal.begin(record.to_json())
    return record


def _make_shards(
    folder: Path, record: RunRecord, retries: int, runner: Engine, progress: Progress, memory: PeakMemory
) -> int:
    """Make all shards that are not there yet; returns the pixels written."""
    done = Journal(folder).finished_shards()
    todo = [index for index in record.layout.shards if tuple(index) not in done]
    # the shards with most to predict come first, so that no worker is left alone with a long one at the end
    predicted, grid = record.decisions().predicted, CellGrid(record.layout.size)
    todo.sort(key=lambda index: -sum(predicted[cell] for cell in grid.within(record.layout.shard_region(index))))
    if done:
        logger.warning("%s: continued, %d of %d shards were there already", folder, len(done), len(done) + len(todo))
    failed: list[Outcome[ShardIndex, ShardReport]] = []
    pixels = 0
    progress.start("refocus", sum(_cells(record, index) for index in todo), "tiles")
    for outcome in runner.run(refocus_shard, todo, (str(folder), record.identity, runner.threads), retries):
        if outcome.result is None:
            if isinstance(outcome.error, OutputError | CheckpointError):
                raise outcome.error
            logger.error("shard %s failed %d times: %s", outcome.item, outcome.tries, outcome.error)
            failed.append(outcome)
            continue
        pixels += outcome.result.pixels
        memory.report(outcome.result.process, outcome.result.peak_rss_mb)
        progress.advance(_cells(record, outcome.item))
    progress.stop()
    if failed:
        shards = "; ".join(f"shard {outcome.item[0]},{outcome.item[1]}: {outcome.error}" for outcome in failed[:4])
        more = f" and {len(failed) - 4} more" if len(failed) > 4 else ""
        raise FailedShardsError(
            f"{folder}: {len(failed)} of {len(done) + len(todo)} shards failed ({shards}{more}); "
            "the others are done, and the same command tries these again"
        )
    return pixels


def _mend_seams(folder: Path, record: RunRecord, retries: int, runner: Engine, progress: Progress) -> None:
    """Mend the borders of shards that lie beside cells which were given back."""
    seams = list(seams_of(record, Journal(folder).cells()))
    if not seams:
        return
    progress.start("mend", len(seams), "shards")
    for outcome in runner.run(mend_shard, seams, (str(folder), record.identity, runner.threads), retries):
        if outcome.error is not None:
            progress.stop()
            if isinstance(outcome.error, OutputError):
                raise outcome.error
            raise FailedShardsError(
                f"{folder}: the border of shard {outcome.item.shard} could not be mended ({outcome.error}); "
                "all shards are there, and the same command tries again"
            )
        progress.advance(1)
    progress.stop()


def _cells(record: RunRecord, index: ShardIndex) -> int:
    return sum(1 for _ in CellGrid(record.layout.size).within(record.layout.shard_region(index)))
