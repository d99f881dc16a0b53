"""What all readers share: the description, checks of what is asked for, and the end of use."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.errors import PlanePairError, SlideError, UsageError
from wsi_refocus.geometry import Region, Size
from wsi_refocus.limits import DIRECTORIES, MAX_LEVELS, METADATA_BYTES, SLIDE_PIXELS
from wsi_refocus.slide.model import FocalPlane, SlideInfo


class SlideReader(ABC):
    """Base of the readers: holds the description of an open slide.

    Parameters
    ----------
    info
        What the reader found in the file.

    Raises
    ------
    SlideError
        If the slide is larger than the limits allow; see `limits`.
    """

    def __init__(self, info: SlideInfo) -> None:
        _check_limits(info)
        self._info = info

    @property
    def info(self) -> SlideInfo:
        """Description of the slide."""
        return self._info

    @abstractmethod
    def read_region(self, plane: int, level: int, region: Region) -> NDArray[np.uint8]:
        """Read pixels; as `SlideSource.read_region`."""

    @abstractmethod
    def read_associated(self, name: str) -> NDArray[np.uint8]:
        """Read an associated image as RGB of shape (height, width, 3)."""

    @property
    def name(self) -> str:
        """Names of the files, for messages."""
        return " + ".join(self._info.paths)

    def override(self, mpp: tuple[float, float] | None = None, z_um: Sequence[float | None] | None = None) -> None:
        """Replace what the file says of its scale, and note that in the description.

        Parameters
        ----------
        mpp
            µm per pixel (y, x) of level 0; None to leave it.
        z_um
            Height of each plane in µm; None to leave them.

        Raises
        ------
        UsageError
            If ``mpp`` is not positive and finite, or ``z_um`` has not one finite height a plane, each another.
        """
        info = self._info
        notes = list(info.notes)
        if mpp is not None:
            if not all(0 < each < math.inf for each in mpp):
                raise UsageError(f"{self.name}: mpp must be a number larger than 0, not {mpp[0]:g}, {mpp[1]:g}")
            notes.append(f"mpp {mpp[0]:g}, {mpp[1]:g} (y, x) was given as an option{_instead(info.mpp)}")
            info = replace(info, mpp=mpp)
        if z_um is not None:
            if len(z_um) != len(info.planes):
                raise UsageError(
                    f"{self.name}: has {len(info.planes)} focal planes, but {len(z_um)} heights were given"
                )
            known = [z for z in z_um if z is not None]
            if not all(map(math.isfinite, known)) or len(set(known)) < len(known):
                raise UsageError(
                    f"{self.name}: the heights {', '.join(f'{z:g}' for z in known)} are no planes of their own; "
                    "give each plane another height in µm"
                )
            notes.append("the heights of the planes were given as an option")
            planes = tuple(FocalPlane(index, z) for index, z in enumerate(z_um))
            info = replace(info, planes=planes)
        self._info = replace(info, notes=tuple(notes))

    def check(self, plane: int, level: int, region: Region) -> None:
        """Refuse a plane, level or region that does not exist.

        Raises
        ------
        PlanePairError
            If the plane does not exist.
        UsageError
            If the level does not exist or the region reaches beyond it.
        """
        planes, levels = len(self._info.planes), len(self._info.levels)
        if not 0 <= plane < planes:
            raise PlanePairError(
                f"{self.name}: there is no focal plane {plane}; the slide has planes 0 to {planes - 1}"
            )
        if not 0 <= level < levels:
            raise UsageError(f"{self.name}: there is no level {level}; the slide has levels 0 to {levels - 1}")
        size = self._info.levels[level].size
        if not Region.whole(size).contains(region):
            raise UsageError(
                f"{self.name}: the region at y={region.y}, x={region.x} of {region.height} × {region.width} "
                f"reaches beyond level {level}, which is {size.height} × {size.width}"
            )

    def check_associated(self, name: str) -> None:
        """Refuse an associated image that does not exist.

        Raises
        ------
        UsageError
            If there is none of that name.
        """
        known = self._info.associated
        if name not in known:
            raise UsageError(f"{self.name}: has no image {name!r}, only: {', '.join(known) or 'none'}")

    @abstractmethod
    def close(self) -> None:
        """Release the files."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def downsample(finest: Size, size: Size) -> float:
    """Pixels of level 0 along one pixel of a level: the mean of the exact ratios of both axes."""
    return (finest.height / size.height + finest.width / size.width) / 2


def _check_limits(info: SlideInfo) -> None:
    name = " + ".join(info.paths)
    if len(info.levels) > MAX_LEVELS:
        raise SlideError(f"{name}: has {len(info.levels)} levels, which no pyramid has; the file is damaged")
    for number, level in enumerate(info.levels):
        SLIDE_PIXELS.check(level.size.area, f"pixels in level {number}", name)
    DIRECTORIES.check(len(info.planes), "focal planes", name)
    METADATA_BYTES.check(len(info.icc_profile or b""), "bytes of ICC profile", name)


def _instead(mpp: tuple[float, float] | None) -> str:
    return "" if mpp is None else f"; the file says {mpp[0]:g}, {mpp[1]:g}"
