"""Two slide files of one focal plane each, seen as one slide of two planes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.errors import PlanePairError
from wsi_refocus.geometry import Region
from wsi_refocus.slide.model import FocalPlane, Level, SlideInfo
from wsi_refocus.slide.reader import SlideReader
from wsi_refocus.slide.source import SlideSource

_MPP_TOLERANCE = 0.01


class TwoFileSource(SlideReader):
    """Two open slides of one focal plane each; closed together.

    Label, macro, magnification and ICC profile are those of the first file that has them. Whether both show the
    same tissue is left to `wsi_refocus.slide.same_tissue`, as it takes reading pixels.

    Parameters
    ----------
    first, second
        The open slides; plane 0 and plane 1.
    mpp_is_given
        Whether the user gives the mpp, so that what the files say of it may differ.

    Raises
    ------
    PlanePairError
        If one of them has more than one plane, or they differ in size or mpp.
    """

    def __init__(self, first: SlideSource, second: SlideSource, *, mpp_is_given: bool = False) -> None:
        self._sources = (first, second)
        for source in self._sources:
            _check_single(source.info)
        _check_pair(first.info, second.info, mpp_is_given)
        super().__init__(_describe(first.info, second.info))

    def read_region(self, plane: int, level: int, region: Region) -> NDArray[np.uint8]:
        """Read pixels; as `SlideSource.read_region`."""
        self.check(plane, level, region)
        return self._sources[plane].read_region(0, level, region)

    def read_associated(self, name: str) -> NDArray[np.uint8]:
        """Read an associated image of the first file that has it."""
        self.check_associated(name)
        source = next(source for source in self._sources if name in source.info.associated)
        return source.read_associated(name)

    def close(self) -> None:
        """Close both files."""
        for source in self._sources:
            source.close()


def _check_single(info: SlideInfo) -> None:
    if len(info.planes) != 1:
        raise PlanePairError(
            f"{info.paths[0]}: has {len(info.planes)} focal planes; give it alone, and choose two with --planes"
        )


def _check_pair(first: SlideInfo, second: SlideInfo, mpp_is_given: bool) -> None:
    one, other = first.paths[0], second.paths[0]
    if first.size != second.size:
        raise PlanePairError(
            f"{other}: is {second.size.height} × {second.size.width} pixels, but {one} is {first.size.height} × "
            f"{first.size.width}; give two scans of the same slide with the same field"
        )
    if first.fingerprint == second.fingerprint:
        raise PlanePairError(f"{other}: is the same file as {one}; give the scan at the other focal plane")
    if mpp_is_given or first.mpp is None or second.mpp is None:
        return
    ratios = [b / a for a, b in zip(first.mpp, second.mpp, strict=True)]
    if any(abs(ratio - 1) > _MPP_TOLERANCE for ratio in ratios):
        raise PlanePairError(
            f"{other}: has {second.mpp[0]:g} µm per pixel, but {one} has {first.mpp[0]:g}; give two scans at the "
            "same magnification, or the true value with --mpp"
        )


def _describe(first: SlideInfo, second: SlideInfo) -> SlideInfo:
    notes = [f"{info.paths[0]}: {note}" for info in (first, second) for note in info.notes]
    heights = (first.planes[0].z_um, second.planes[0].z_um)
    if None in heights or heights[0] == heights[1]:
        heights = (None, None)
        notes.append("the files do not say their heights; the offsets of the planes are unknown")
    mpp = first.mpp or second.mpp
    if mpp is not None and None in (first.mpp, second.mpp):
        notes.append(f"only one of the files says its mpp, {mpp[0]:g}; taken for both")
    levels: list[Level] = []
    for one, other in zip(first.levels, second.levels, strict=False):
        if one.size != other.size:
            break
        levels.append(one)
    associated = tuple(dict.fromkeys((*first.associated, *second.associated)))
    return SlideInfo(
        paths=(*first.paths, *second.paths),
        format=first.format if first.format == second.format else f"{first.format} + {second.format}",
        levels=tuple(levels),
        planes=(FocalPlane(0, heights[0]), FocalPlane(1, heights[1])),
        mpp=mpp,
        magnification=first.magnification or second.magnification,
        associated=associated,
        icc_profile=first.icc_profile or second.icc_profile,
        fingerprint=(*first.fingerprint, *second.fingerprint),
        notes=tuple(notes),
    )
