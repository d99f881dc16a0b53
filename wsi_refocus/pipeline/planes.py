"""The shots of a run, and its truth if there is one, open and on the grid of the output."""

from __future__ import annotations

import contextlib
from typing import Self

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.geometry import Region
from wsi_refocus.pairing.alignment import AlignedPair
from wsi_refocus.pipeline.record import PlaneOf, RunRecord, opened_planes


class OpenPlanes:
    """Planes of a run; safe to read from several threads at once.

    Parameters
    ----------
    record
        Record of the run.
    """

    def __init__(self, record: RunRecord) -> None:
        self._stack = contextlib.ExitStack()
        shots = [PlaneOf(record.view, plane) for plane in record.planes]
        self._pair = AlignedPair(self._stack.enter_context(opened_planes(shots)), (0, 1), record.survey)
        self._truth: AlignedPair | None = None
        if record.reference is not None:
            both = [shots[record.survey.reference], record.reference.truth]
            source = self._stack.enter_context(opened_planes(both))
            self._truth = AlignedPair(source, (0, 1), record.reference.survey)

    def shots(self, region: Region) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Read both shots; pixels beyond the slide repeat its edge.

        Parameters
        ----------
        region
            Pixels of level 0.

        Returns
        -------
        first, second : ndarray of shape (region.height, region.width, 3)
            RGB, aligned.
        """
        return self._pair.read(region)

    def truth(self, region: Region) -> NDArray[np.uint8] | None:
        """Read the in-focus plane that the result is measured against, if the run has one."""
        return None if self._truth is None else self._truth.read_second(region)

    def close(self) -> None:
        """Close the slides."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
