"""The survey of a slide before it is refocused, spread over the workers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from wsi_refocus.errors import PlanePairError, UsageError
from wsi_refocus.geometry import Region
from wsi_refocus.pairing.measure import CellMeasure, survey_cell, survey_window
from wsi_refocus.pairing.survey import Survey, assemble
from wsi_refocus.pipeline.engine import Engine
from wsi_refocus.pipeline.progress import Progress
from wsi_refocus.pipeline.record import PlaneOf, ReferenceRecord, opened_planes
from wsi_refocus.slide.open import SlideSpec
from wsi_refocus.tiling.grid import CellGrid, CellIndex
from wsi_refocus.tiling.tissue import TissueMask

if TYPE_CHECKING:  # workers do without, and pydantic takes 0.1 s to import
    from wsi_refocus.config import RunSettings
    from wsi_refocus.pipeline.prepare import Job

CELLS_PER_TASK = 16

Item = TypeVar("Item")
Window = tuple[CellIndex, Region]


def survey_slide(job: Job, runner: Engine, progress: Progress) -> Survey:
    """Measure the plane pair of a job on every cell with tissue.

    Raises
    ------
    PlanePairError
        If the planes show different tissue.
    """
    pair = (PlaneOf(job.view, job.pair.first), PlaneOf(job.view, job.pair.second))
    return _survey(pair, job.tissue, runner, progress, "survey", " + ".join(job.source.info.paths), None)


def survey_reference(
    job: Job, survey: Survey, settings: RunSettings, runner: Engine, progress: Progress
) -> ReferenceRecord | None:
    """Find how the reference lies on the grid of the output.

    Parameters
    ----------
    job
        The run.
    survey
        Its survey; tells which plane's grid is the output's.
    settings
        Tell where the reference is: a slide, or ``plane:N`` of the input.

    Raises
    ------
    UsageError
        If a plane is named that the slide does not have.
    PlanePairError
        If the reference has another size, more than one plane, or shows other tissue.
    """
    if settings.reference is None:
        return None
    truth = _reference_plane(job, settings.reference)
    grid_plane = PlaneOf(job.view, (job.pair.first, job.pair.second)[survey.reference])
    found = _survey((grid_plane, truth), job.tissue, runner, progress, "reference", settings.reference, 0)
    return ReferenceRecord(truth, found)


def _reference_plane(job: Job, reference: str) -> PlaneOf:
    if reference.startswith("plane:"):
        name = reference.removeprefix("plane:")
        known = {str(plane.index) for plane in job.source.info.planes}
        if name not in known:
            raise UsageError(f"--reference {reference}: the slide has planes 0 to {len(known) - 1}")
        return PlaneOf(job.view, int(name))
    view = type(job.view)(SlideSpec((reference,)), job.view.level, job.view.region, job.view.resample_um)
    with view.open() as truth:
        if len(truth.info.planes) != 1:
            raise PlanePairError(
                f"{reference}: has {len(truth.info.planes)} focal planes; give an in-focus slide of one plane"
            )
    return PlaneOf(view, 0)


def _survey(
    pair: tuple[PlaneOf, PlaneOf],
    tissue: TissueMask,
    runner: Engine,
    progress: Progress,
    stage: str,
    name: str,
    reference: int | None,
) -> Survey:
    with opened_planes(pair) as source:
        grid = CellGrid(source.info.size)
    fractions = np.zeros(grid.shape, np.float32)
    windows: list[Window] = []
    for cell in grid:
        region = grid.region(cell)
        fractions[cell] = tissue.fraction(region)
        if fractions[cell] > 0:
            windows.append((cell, survey_window(region, tissue)))
    measures: list[CellMeasure] = []
    progress.start(stage, len(windows), "tiles")
    tasks = list(_batched(windows, CELLS_PER_TASK))
    for outcome in runner.run(measure_windows, tasks, (pair,), 1):
        if outcome.error is not None:
            raise outcome.error
        measures.extend(outcome.result or ())
        progress.advance(len(outcome.item))
    progress.stop()
    return assemble(measures, grid, fractions, name=name, reference=reference)


def measure_windows(pair: tuple[PlaneOf, PlaneOf], windows: Sequence[Window]) -> list[CellMeasure]:
    """Measure some cells; the function that is sent to workers.

    Parameters
    ----------
    pair
        Where the two planes are.
    windows
        Cells and the windows to measure them on.

    Returns
    -------
    list of CellMeasure
        Those whose pixels can be decoded.
    """
    with opened_planes(pair) as source:
        measures = [survey_cell(source, (0, 1), cell, window) for cell, window in windows]
    return [measure for measure in measures if measure is not None]


def _batched(items: Sequence[Item], count: int) -> Iterator[tuple[Item, ...]]:
    """Cut a sequence into pieces."""
    iterator = iter(items)
    while piece := tuple(islice(iterator, count)):
        yield piece
