"""Real focal stacks as cases: every two planes on both sides of the sharpest one are shots, and it is their truth."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.errors import SlideError, UsageError
from wsi_refocus.evaluation.case import Case
from wsi_refocus.geometry import Region
from wsi_refocus.methods import ShotGeometry
from wsi_refocus.pairing.stack_fields import AT_THE_END, focus_of, matched, sharpest
from wsi_refocus.slide.focal_stack import FocalStack, even_heights
from wsi_refocus.slide.plane_folder import PlaneFolder

logger = logging.getLogger(__name__)

Pixels = NDArray[np.uint8]
Pairs = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class StackField:
    """One field of a stack.

    Attributes
    ----------
    name : str
        Where it lies; empty if it is the only one.
    planes : list of ndarray of uint8, shape (height, width, 3)
        From the lowest to the highest.
    truth : int
        Index of the plane in focus.
    pairs : sequence of tuple of int
        Indices of the shots that were named and lie around it.
    """

    name: str
    planes: list[Pixels]
    truth: int
    pairs: Pairs


def read_stack(folder: str | Path, region: Region | None = None) -> list[Pixels]:
    """Read the planes of a folder of images, in the order of their names.

    Parameters
    ----------
    folder
        Folder with one image a plane.
    region
        Part to read; None for all of it.

    Returns
    -------
    list of ndarray, shape (height, width, 3)
        RGB, from the lowest plane to the highest or the other way.

    Raises
    ------
    SlideError
        If the folder holds fewer than three images, they differ in size, or one cannot be read.
    UsageError
        If the region does not lie within them.
    """
    with PlaneFolder(folder) as source:
        part = Region.whole(source.info.size) if region is None else region
        return [source.read_region(plane.index, 0, part) for plane in source.info.planes]


def fields_in_focus(
    stack: FocalStack, regions: Sequence[Region], truth: int | None = None, pairs: Pairs = ()
) -> Iterator[StackField]:
    """Read the fields of a stack one by one, each with its own plane in focus.

    Of several fields, those are left out whose focus is not in the stack or cannot be told, or that no named pair
    lies around; how many is logged after the last one. An only field is given as it is.

    Parameters
    ----------
    stack
        The stack.
    regions
        The fields.
    truth
        Index of the plane in focus, of all fields; None for that of the largest Brenner gradient of each.
    pairs
        Indices of the shots; none for every pair.

    Raises
    ------
    SlideError
        If every field is left out, or the sharpest plane of an only one is the first or last.
    UsageError
        If a named plane does not exist.
    """
    named = [*(index for pair in pairs for index in pair), *([] if truth is None else [truth])]
    _check_named(len(stack.order) - 1, named)
    left_out: Counter[str] = Counter()
    for region in regions:
        planes = stack.read(region)
        focus, why_not = focus_of(planes) if truth is None else (truth, "")
        if len(regions) == 1:
            if why_not == AT_THE_END:
                raise SlideError(
                    f"{stack.name}: plane {focus}, the sharpest, is at the end of the stack; a stack through focus is "
                    "needed, or name a --truth inside it"
                )
            yield StackField("", planes, focus, pairs)
            return
        around = [(low, high) for low, high in pairs if low < focus < high]
        if pairs and not around:
            why_not = why_not or "sharpest in a plane that no named pair lies around"
        if why_not:
            left_out[why_not] += 1
        else:
            yield StackField(f"field {region.y},{region.x}", planes, focus, around)
    told = "; ".join(f"{count} {why}" for why, count in left_out.items())
    if left_out.total() == len(regions):
        raise SlideError(f"{stack.name}: none of its {len(regions)} fields can be used ({told}); give a stack through "
                         "focus, or name another --region")  # fmt: skip
    if left_out:
        logger.info("%s: %d of %d fields are left out: %s", stack.name, left_out.total(), len(regions), told)


def cases_of_stack(
    planes: Sequence[Pixels],
    z_um: float | Sequence[float],
    mpp: float,
    truth: int | None = None,
    pairs: Pairs = (),
    field: str = "",
) -> list[Case]:
    """Make cases of a stack: one plane is the truth, and planes on both sides of it are shots.

    Parameters
    ----------
    planes
        The stack, shape (height, width, 3) each.
    z_um
        Distance of two planes in µm of stage travel, or the height of each, rising.
    mpp
        µm per pixel.
    truth
        Index of the plane in focus; None for that of the largest Brenner gradient.
    pairs
        Indices of the shots; none for every pair.
    field
        What the cases are named after, if the stack has several fields.

    Returns
    -------
    list of Case
        Nearest pairs first.

    Raises
    ------
    SlideError
        If the plane in focus is the first or the last.
    UsageError
        If a named plane does not exist, or two that are no pair around the truth are named.
    """
    if truth is None:
        truth = sharpest(planes)
    _check(len(planes) - 1, truth, pairs)
    pairs = pairs or [(low, high) for low in range(truth) for high in range(truth + 1, len(planes))]
    heights = even_heights(len(planes), z_um) if isinstance(z_um, float | int) else tuple(z_um)
    moved = {index: matched(planes[index], planes[truth]) for index in {index for pair in pairs for index in pair}}
    cases = []
    for low, high in sorted(pairs, key=lambda pair: (pair[1] - pair[0], pair)):
        middle = (heights[low] + heights[high]) / 2
        cases.append(
            Case(
                name=f"{field}: planes {low}, {high}" if field else f"planes {low}, {high}",
                first=moved[low],
                second=moved[high],
                truth=planes[truth],
                shots=ShotGeometry(round((heights[high] - heights[low]) / 2, 6), mpp),
                drift_um=heights[truth] - middle,
                steps=(truth - low, high - truth),
            )
        )
    return cases


def _check(last: int, truth: int, pairs: Pairs) -> None:
    """Refuse planes that do not exist, a truth at the end of the stack, and pairs that are not around it."""
    _check_named(last, [truth, *(index for pair in pairs for index in pair)])
    if truth in (0, last):
        raise SlideError(f"plane {truth}, the sharpest, is at the end of the stack; a stack through focus is needed")
    for low, high in pairs:
        if not low < truth < high:
            raise UsageError(f"planes {low} and {high} do not lie on both sides of plane {truth}, the truth")


def _check_named(last: int, named: Sequence[int]) -> None:
    for index in named:
        if not 0 <= index <= last:
            raise UsageError(f"there is no plane {index} in the stack; its planes are 0 to {last}")
