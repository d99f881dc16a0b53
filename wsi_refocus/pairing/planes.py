"""Which two focal planes of a slide make the plane pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wsi_refocus.errors import PlanePairError
from wsi_refocus.geometry import Region
from wsi_refocus.quality.focus import brenner_gradient
from wsi_refocus.slide.model import FocalPlane, SlideInfo
from wsi_refocus.slide.source import SlideSource
from wsi_refocus.tiling.grid import CellGrid
from wsi_refocus.tiling.tissue import TissueMask

DEFAULT_DEFOCUS_OFFSET_UM = 0.75
"""ΔD in µm: with drifts of δ ~ N(0, 1 µm) it gives better results than 0.5 and 1 µm."""
FOCUS_WINDOWS = 12
"""Tissue windows, spread over the slide, that the initial focal plane is found on."""
MIN_TISSUE = 0.3
"""Share of tissue from which a window is worth looking at."""


@dataclass(frozen=True, slots=True)
class PlanePair:
    """Two focal planes and why they were chosen.

    Attributes
    ----------
    first, second : int
        Indices of the planes: the lower one first where the heights are known, else by index. The order in
        which a user names them plays no part.
    z_um : tuple of float or None
        Heights of the two planes in µm.
    initial_focus : int or None
        Index of the initial focal plane F, where it was looked for.
    defocus_offset_um : float or None
        ΔD: half the distance of the two planes in µm.
    reason : str
        One sentence for people.
    """

    first: int
    second: int
    z_um: tuple[float | None, float | None]
    initial_focus: int | None
    defocus_offset_um: float | None
    reason: str


def choose_pair(
    source: SlideSource,
    tissue: TissueMask,
    *,
    planes: tuple[int, int] | None = None,
    defocus_offset_um: float | None = None,
) -> PlanePair:
    """Choose the plane pair of a slide.

    Two planes are the pair. Of more, the initial focal plane F is the one with the largest Brenner gradient,
    and the pair is what lies nearest F − ΔD and F + ΔD, one plane below and one above F; where F is the first
    or last plane, F itself stands in for the missing side. Where the heights are unknown, or not all
    different, the planes next to F are taken.

    Parameters
    ----------
    source
        The open slide.
    tissue
        Where the tissue is.
    planes
        Indices that override the choice.
    defocus_offset_um
        ΔD in µm for slides of more than two planes; None for `DEFAULT_DEFOCUS_OFFSET_UM`.

    Raises
    ------
    PlanePairError
        If the slide has one plane only, a named plane does not exist or is named twice, or ΔD is given but
        the heights of the planes are unknown.
    """
    info = source.info
    name = " + ".join(info.paths)
    if len(info.planes) < 2:
        raise PlanePairError(f"{name}: one focal plane only; give the second shot of the slide as a second file")
    if planes is not None:
        return _named_pair(info, planes, name)
    if len(info.planes) == 2:
        return _pair(info.planes[0], info.planes[1], None, "the slide has these two focal planes")
    if defocus_offset_um is not None and not _heights_known(info.planes):
        raise PlanePairError(f"{name}: the heights of its planes are unknown; name two planes instead of ΔD")
    focus, where = initial_focus(source, tissue)
    offset = defocus_offset_um or DEFAULT_DEFOCUS_OFFSET_UM
    below, above, target = _around(info.planes, focus, offset)
    reason = f"plane {focus} is the initial focus F (largest Brenner gradient on {where}); {target}"
    if focus in (below.index, above.index):
        reason += f"; F is at the end of the stack, so plane {focus} itself is one of the pair"
    return _pair(below, above, focus, reason)


def initial_focus(source: SlideSource, tissue: TissueMask) -> tuple[int, str]:
    """Find the focal plane F with the largest Brenner gradient over windows spread over the tissue.

    In every window the gradients are divided by the largest of them, and summed over the windows: so that
    each part of the slide has the same say, however strong its stain.

    Parameters
    ----------
    source
        The open slide.
    tissue
        Where the tissue is.

    Returns
    -------
    index : int
        Index of the plane F; the lowest of equals.
    where : str
        What was looked at, in words.
    """
    grid = CellGrid(source.info.size)
    cells = {grid.region(cell): tissue.fraction(grid.region(cell)) for cell in grid}
    with_tissue = [region for region, fraction in cells.items() if fraction >= MIN_TISSUE]
    windows = spread(with_tissue or list(cells), FOCUS_WINDOWS)
    totals = np.zeros(len(source.info.planes))
    for window in windows:
        gradients = np.array(
            [brenner_gradient(source.read_region(plane.index, 0, window)) for plane in source.info.planes]
        )
        if gradients.max() > 0:
            totals += gradients / gradients.max()
    best = source.info.planes[int(totals.argmax())].index
    kind = "tissue windows" if with_tissue else "windows, none of them with much tissue"
    return best, f"{len(windows)} {kind}"


def spread(regions: Sequence[Region], count: int) -> list[Region]:
    """Take ``count`` regions that lie far from one another, the most complete in the middle first.

    Each next one is that whose distance to those taken is largest; the first in the list among equals.
    """
    if len(regions) <= count:
        return list(regions)
    corners = np.array([(region.y, region.x) for region in regions], dtype=np.float64)
    areas = np.array([region.area for region in regions])
    whole = areas == areas.max()
    from_middle = np.hypot(*(corners - corners.mean(axis=0)).T)
    taken = [int(np.where(whole, from_middle, np.inf).argmin())]
    distance = np.hypot(*(corners - corners[taken[0]]).T)
    while len(taken) < count:
        taken.append(int(distance.argmax()))
        distance = np.minimum(distance, np.hypot(*(corners - corners[taken[-1]]).T))
    return [regions[index] for index in taken]


def _named_pair(info: SlideInfo, planes: tuple[int, int], name: str) -> PlanePair:
    """Pair that a user named."""
    by_index = {plane.index: plane for plane in info.planes}
    for index in planes:
        if index not in by_index:
            last = len(by_index) - 1
            raise PlanePairError(f"{name}: there is no focal plane {index}; its planes are 0 to {last}")
    if planes[0] == planes[1]:
        raise PlanePairError(f"{name}: plane {planes[0]} is named twice; name two different planes")
    return _pair(by_index[planes[0]], by_index[planes[1]], None, "these planes were named")


def _around(planes: Sequence[FocalPlane], focus: int, offset_um: float) -> tuple[FocalPlane, FocalPlane, str]:
    """Planes on the two sides of F, and in words what they are."""
    if not _heights_known(planes):
        order = list(planes)
        at = next(place for place, plane in enumerate(order) if plane.index == focus)
        below, above = order[max(0, at - 1)], order[min(len(order) - 1, at + 1)]
        return below, above, "the heights are unknown, so the planes next to F are taken"
    order = sorted(planes, key=_height)
    middle = next(plane for plane in order if plane.index == focus)
    below = _nearest([plane for plane in order if _height(plane) < _height(middle)], middle, -offset_um)
    above = _nearest([plane for plane in order if _height(plane) > _height(middle)], middle, offset_um)
    return below, above, f"these planes are nearest F − ΔD and F + ΔD, ΔD = {offset_um:g} µm"


def _nearest(candidates: Sequence[FocalPlane], middle: FocalPlane, offset_um: float) -> FocalPlane:
    """Plane nearest to a height above ``middle``; ``middle`` itself where there are none on that side."""
    target = _height(middle) + offset_um
    return min(candidates, key=lambda plane: abs(_height(plane) - target), default=middle)


def _heights_known(planes: Sequence[FocalPlane]) -> bool:
    """Whether every plane has a height of its own."""
    heights = {plane.z_um for plane in planes}
    return None not in heights and len(heights) == len(planes)


def _height(plane: FocalPlane) -> float:
    """Height in µm, 0 where it is unknown."""
    return 0.0 if plane.z_um is None else plane.z_um


def _pair(one: FocalPlane, other: FocalPlane, focus: int | None, reason: str) -> PlanePair:
    """Pair in the canonical order."""
    first, second = sorted((one, other), key=lambda plane: plane.index)
    offset = None
    if one.z_um is not None and other.z_um is not None:
        first, second = sorted((one, other), key=lambda plane: (_height(plane), plane.index))
        offset = (_height(second) - _height(first)) / 2
    return PlanePair(first.index, second.index, (first.z_um, second.z_um), focus, offset, reason)
