"""The two sides of a comparison, open on one grid: an output, and another output or the truth."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.errors import PlanePairError, SlideError, UsageError
from wsi_refocus.geometry import Region
from wsi_refocus.ngff.metadata import is_finished
from wsi_refocus.pairing.alignment import AlignedPair
from wsi_refocus.pairing.measure import CellMeasure, survey_cell, survey_window
from wsi_refocus.pairing.survey import assemble
from wsi_refocus.pipeline.progress import Progress
from wsi_refocus.pipeline.record import View
from wsi_refocus.report.contents import Contents, read_contents
from wsi_refocus.slide.open import SlideSpec
from wsi_refocus.slide.selection import SelectedPlanes
from wsi_refocus.slide.source import SlideSource
from wsi_refocus.slide.thumbnail import thumbnail
from wsi_refocus.tiling.grid import CellGrid, CellIndex
from wsi_refocus.tiling.tissue import tissue_mask

THREADS = min(8, os.cpu_count() or 1)
"""Cells that are read and measured at once."""
_SAME_MPP = 0.005
"""Relative difference of two sizes of a pixel that is within what files round."""

Pixels = NDArray[np.uint8]


Read = Callable[[Region], Pixels]
"""Gives the pixels of level 0 in a region: RGB of shape (height, width, 3)."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sides that are compared.

    Attributes
    ----------
    a : Contents
        The output.
    b : Contents or None
        The other output; None for a truth.
    b_path : str
        Path of the other side.
    read_a, read_b : callable
        Give their pixels on the grid of ``a``.
    shift_px : tuple of float or None
        How far (y, x) the truth was moved to lie on ``a``, at the middle of the slide; None for another output.
    notes : tuple of str
        What may be behind differences.
    """

    a: Contents
    b: Contents | None
    b_path: str
    read_a: Read
    read_b: Read
    shift_px: tuple[float, float] | None
    notes: tuple[str, ...]


@contextlib.contextmanager
def opened_pair(a: Path, b: str, progress: Progress) -> Iterator[Pair]:
    """Open both sides.

    Parameters
    ----------
    a
        Folder of a finished output.
    b
        Another one, or a slide of one plane: the truth, which is laid on the output as `run --reference` does.
    progress
        Who is told how far the alignment of a truth is.

    Raises
    ------
    OutputError
        If ``a`` is no finished output.
    SlideError
        If a side cannot be read, or they differ in size or in µm per pixel.
    PlanePairError
        If the truth has several planes, or shows other tissue.
    """
    contents = read_contents(a)
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(SlideSpec((str(a),)).open())
        if is_finished(b):
            other = read_contents(Path(b))
            second = stack.enter_context(SlideSpec((b,)).open())
            _require_same_grid(source, second, str(a), b)
            notes = tuple(_notes(contents, other))
            yield Pair(contents, other, b, _reader(source), _reader(second), None, notes)
            return
        truth = stack.enter_context(_open_truth(b, contents))
        _require_same_grid(source, truth, str(a), b)
        aligned, shift = _align(source, truth, b, progress)
        note = () if truth.info.mpp else (f"{b} does not say its µm per pixel; it is taken to be that of {a}",)
        yield Pair(contents, None, b, _reader(source), aligned.read_second, shift, note)


def _reader(source: SlideSource) -> Read:
    def read(region: Region) -> Pixels:
        return source.read_region(0, 0, region)

    return read


def _open_truth(path: str, contents: Contents) -> SlideSource:
    """Open a slide of one plane; of one that is larger than the output, the part that the output was made of."""
    slide = SlideSpec((path,)).open()
    try:
        if len(slide.info.planes) != 1:
            raise PlanePairError(
                f"{path}: has {len(slide.info.planes)} focal planes; give an output, or an in-focus slide of one plane"
            )
    except BaseException:
        slide.close()
        raise
    part = contents.part("source")
    region, level, resampled = part.get("region"), int(part.get("level") or 0), part.get("resampled_um")
    if slide.info.size == contents.size or (region is None and level == 0 and resampled is None):
        return slide
    slide.close()
    try:
        return View(SlideSpec((path,)), level, None if region is None else Region(*region), resampled).open()
    except UsageError as error:
        raise SlideError(f"{path}: has not the part that {contents.path} was made of ({error})") from None


def _require_same_grid(a: SlideSource, b: SlideSource, a_name: str, b_name: str) -> None:
    """Refuse sides of different extent or size of a pixel."""
    one, two = a.info, b.info
    if one.size != two.size:
        raise SlideError(
            f"{a_name} is {one.size.height} × {one.size.width} pixels, and {b_name} is {two.size.height} × "
            f"{two.size.width}; compare what was made of the same part of a slide"
        )
    if one.mpp is not None and two.mpp is not None:
        ratios = [y / x for y, x in zip(one.mpp, two.mpp, strict=True)]
        if max(abs(ratio - 1) for ratio in ratios) > _SAME_MPP:
            raise SlideError(
                f"{a_name} has {one.mpp[0]:.4g} × {one.mpp[1]:.4g} µm per pixel, and {b_name} has {two.mpp[0]:.4g} × "
                f"{two.mpp[1]:.4g}; compare what has the same"
            )


def _align(
    a: SlideSource, truth: SlideSource, name: str, progress: Progress
) -> tuple[AlignedPair, tuple[float, float]]:
    """Find shift and gain of the truth on every cell with tissue, and how it is read on the output's grid."""
    both = SelectedPlanes([(a, 0), (truth, 0)])
    grid = CellGrid(a.info.size)
    tissue = tissue_mask(thumbnail(a, 0), a.info.size)
    fractions = np.zeros(grid.shape, np.float32)
    for cell in grid:
        fractions[cell] = tissue.fraction(grid.region(cell))
    cells = [cell for cell in grid if fractions[cell] > 0]

    def measured(cell: CellIndex) -> CellMeasure | None:
        return survey_cell(both, (0, 1), cell, survey_window(grid.region(cell), tissue))

    measures = []
    progress.start("alignment", len(cells), "tiles")
    with ThreadPoolExecutor(THREADS) as pool:
        for measure in pool.map(measured, cells):
            if measure is not None:
                measures.append(measure)
            progress.advance(1)
    progress.stop()
    survey = assemble(measures, grid, fractions, name=name, reference=0)
    dy, dx = survey.slide_shift  # where A's content lies in the truth: it has to be moved back
    return AlignedPair(both, (0, 1), survey), (-dy, -dx)


def _notes(a: Contents, b: Contents) -> Iterator[str]:
    """What two outputs do not have in common beside their pixels."""
    if a.part("source").get("fingerprints") != b.part("source").get("fingerprints"):
        yield "The two were made of different files."
    planes = [side.part("alignment").get("grid_of_plane") for side in (a, b)]
    if planes[0] != planes[1]:
        yield (
            f"A lies on the grid of plane {planes[0]} and B on that of plane {planes[1]}: "
            "a shift of the planes counts as a difference."
        )
