"""The captured shots of an output, read again from the slides that it was made of, if they are still there."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.errors import OutputError, RefocusError, SlideError
from wsi_refocus.geometry import Region
from wsi_refocus.pipeline.finish import RECORD
from wsi_refocus.pipeline.planes import OpenPlanes
from wsi_refocus.pipeline.record import RunRecord, View
from wsi_refocus.report.contents import Contents
from wsi_refocus.slide.open import SlideSpec
from wsi_refocus.slide.source import SlideSource
from wsi_refocus.slide.thumbnail import COARSEST, thumbnail

_MOST_PIXELS = 200_000_000
"""Pixels that are read for a thumbnail; beyond, a slide without small levels would take minutes."""

Pixels = NDArray[np.uint8]


class Shots:
    """Both shots of an output.

    Parameters
    ----------
    view
        The two-shot slide.
    grid_plane
        Index of the plane whose grid the output has.
    planes
        The shots on the output's grid; None where the run's record is missing.
    """

    def __init__(self, view: View, grid_plane: int, planes: OpenPlanes | None) -> None:
        self._view, self._planes = view, planes
        self.grid_plane = grid_plane

    @property
    def aligned(self) -> bool:
        """Whether the shots can be read on the output's grid."""
        return self._planes is not None

    def read(self, region: Region) -> tuple[Pixels, Pixels]:
        """Read both shots on the output's grid; in the order of their planes.

        Raises
        ------
        SlideError
            If they cannot be read.
        """
        if self._planes is None:
            raise SlideError(f"the output has no {RECORD}; make it anew to see its shots")
        return self._planes.shots(region)

    def overview(self) -> Pixels:
        """Small picture of the shot that the output's grid comes from, of 1024 to 2047 pixels on its longer side.

        Raises
        ------
        SlideError
            If it cannot be read, or would take minutes.
        """
        with self._view.open() as source:
            if _overview_pixels(source) > _MOST_PIXELS:
                raise SlideError("the source has no small level; give it a pyramid to see it here")
            return thumbnail(source, self.grid_plane)


@contextlib.contextmanager
def opened_shots(contents: Contents) -> Iterator[Shots]:
    """Open the slides of an output once more.

    Raises
    ------
    SlideError
        If they are no longer there or no longer the same.
    OutputError
        If the output does not say what it was made of, or its record is damaged.
    """
    with contextlib.ExitStack() as stack:
        with _in_one_line(contents):
            shots = _open(contents, stack)
        yield shots


def _open(contents: Contents, stack: contextlib.ExitStack) -> Shots:
    record = _read_record(contents)
    view = _view_of(contents.provenance) if record is None else record.view
    source = contents.provenance["source"]
    # paths of a record may be relative to where the run was started
    view = replace(view, slide=replace(view.slide, paths=tuple(source["paths"])))
    if list(view.slide.fingerprint()) != list(source["fingerprints"]):
        raise SlideError(f"{' and '.join(source['paths'])}: changed since the run; put the slide back to see its shots")
    if record is None:
        return Shots(view, int(contents.provenance["alignment"]["grid_of_plane"]), None)
    # the truth is not needed here, and may be gone
    planes = stack.enter_context(OpenPlanes(replace(record, view=view, reference=None)))
    return Shots(view, record.planes[record.survey.reference], planes)


def _read_record(contents: Contents) -> RunRecord | None:
    file = contents.path / RECORD
    return RunRecord.from_json(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else None


def _view_of(provenance: Any) -> View:
    """The slide as the provenance tells of it, for outputs that keep no record."""
    source, settings = provenance["source"], provenance["settings"]
    spec = SlideSpec.from_json({**settings, "paths": source["paths"]})
    region = None if source["region"] is None else Region(*source["region"])
    return View(spec, source["level"], region, source.get("resampled_um"))


def _overview_pixels(source: SlideSource) -> float:
    """About how many pixels `thumbnail` decodes."""
    info = source.info
    wanted = min(COARSEST, max(1, max(info.size) // 1024))
    return min(each.size.area for each in info.levels if each.downsample <= wanted * 1.01)


@contextlib.contextmanager
def _in_one_line(contents: Contents) -> Iterator[None]:
    """Turn what a damaged record or provenance causes into an error that says so."""
    try:
        yield
    except RefocusError:
        raise
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise OutputError(
            f"{contents.path}: its record of the run cannot be read ({type(error).__name__}: {error}); run anew"
        ) from None
