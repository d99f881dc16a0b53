"""Planes of one or several slides of the same size, seen as one slide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.errors import PlanePairError
from wsi_refocus.geometry import Region
from wsi_refocus.slide.model import FocalPlane, SlideInfo
from wsi_refocus.slide.source import SlideSource


class SelectedPlanes:
    """A slide whose planes are chosen planes of others; it does not close them.

    Parameters
    ----------
    chosen
        Source and index of each plane, in order. The first source gives the description.

    Raises
    ------
    PlanePairError
        If the sources differ in size.
    """

    def __init__(self, chosen: Sequence[tuple[SlideSource, int]]) -> None:
        self._chosen = tuple(chosen)
        first = chosen[0][0].info
        for source, _ in chosen:
            if source.info.size != first.size:
                raise PlanePairError(
                    f"{source.info.paths[0]}: is {source.info.size.height} × {source.info.size.width} pixels, but "
                    f"{first.paths[0]} is {first.size.height} × {first.size.width}; give slides of the same size"
                )
        planes = tuple(FocalPlane(number, source.info.planes[plane].z_um)
                       for number, (source, plane) in enumerate(chosen))  # fmt: skip
        self._info = replace(first, planes=planes, levels=first.levels[:1])

    @property
    def info(self) -> SlideInfo:
        """Description of the first source, with the chosen planes and level 0 alone."""
        return self._info

    def read_region(self, plane: int, level: int, region: Region) -> NDArray[np.uint8]:
        """Read pixels of level 0 of a chosen plane; as `SlideSource.read_region`."""
        source, index = self._chosen[plane]
        return source.read_region(index, level, region)

    def read_associated(self, name: str) -> NDArray[np.uint8]:
        """Read an associated image of the first source."""
        return self._chosen[0][0].read_associated(name)

    def close(self) -> None:
        """Leave the sources open; who opened them closes them."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        """Leave the sources open."""
