"""Real focal stacks as cases: every two planes on both sides of the sharpest one are shots, and it is their truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wsi_refocus.errors import SlideError, UsageError
from wsi_refocus.evaluation.case import Case
from wsi_refocus.geometry import Region
from wsi_refocus.methods import ShotGeometry
from wsi_refocus.pairing.registration import estimate_shift
from wsi_refocus.quality.focus import brenner_gradient

Pixels = NDArray[np.uint8]

_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp")
_FARTHEST_PX = 16.0
_WORTH_MOVING_PX = 0.15


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
    paths = sorted(path for path in Path(folder).glob("*") if path.suffix.lower() in _SUFFIXES)
    if len(paths) < 3:
        raise SlideError(f"{folder}: holds {len(paths)} images; a focal stack is a folder of at least three")
    planes = []
    for path in paths:
        try:
            planes.append(np.asarray(Image.open(path).convert("RGB")))
        except (OSError, ValueError) as error:
            raise SlideError(f"{path}: cannot be read as an image ({error}); take it out of the folder") from None
    if len({plane.shape for plane in planes}) > 1:
        raise SlideError(f"{folder}: its images differ in size; give the planes of one field")
    if region is None:
        return planes
    height, width = planes[0].shape[:2]
    if region.y + region.height > height or region.x + region.width > width:
        raise UsageError(f"{folder}: the region reaches beyond the images of {height} × {width} pixels")
    return [plane[region.slices] for plane in planes]


def cases_of_stack(
    planes: Sequence[Pixels],
    z_step_um: float,
    mpp: float,
    truth: int | None = None,
    pairs: Sequence[tuple[int, int]] = (),
) -> list[Case]:
    """Make cases of a stack: one plane is the truth, and planes on both sides of it are shots.

    Parameters
    ----------
    planes
        The stack, shape (height, width, 3) each.
    z_step_um
        Distance of two planes in µm of stage travel.
    mpp
        µm per pixel.
    truth
        Index of the plane in focus; None for that of the largest Brenner gradient.
    pairs
        Indices of the shots; none for every pair.

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
    matched = {index: _matched(planes[index], planes[truth]) for pair in pairs for index in pair}
    cases = []
    for low, high in sorted(pairs, key=lambda pair: (pair[1] - pair[0], pair)):
        middle = (low + high) / 2
        cases.append(
            Case(
                name=f"planes {low}, {high}",
                first=matched[low],
                second=matched[high],
                truth=planes[truth],
                shots=ShotGeometry((high - low) / 2 * z_step_um, mpp),
                drift_um=(truth - middle) * z_step_um,
            )
        )
    return cases


def sharpest(planes: Sequence[Pixels]) -> int:
    """Index of the plane of the largest Brenner gradient."""
    return int(np.argmax([brenner_gradient(plane) for plane in planes]))


def _check(last: int, truth: int, pairs: Sequence[tuple[int, int]]) -> None:
    """Refuse planes that do not exist, a truth at the end of the stack, and pairs that are not around it."""
    for index in {truth, *(index for pair in pairs for index in pair)}:
        if not 0 <= index <= last:
            raise UsageError(f"there is no plane {index} in the stack; its planes are 0 to {last}")
    if truth in (0, last):
        raise SlideError(f"plane {truth}, the sharpest, is at the end of the stack; a stack through focus is needed")
    for low, high in pairs:
        if not low < truth < high:
            raise UsageError(f"planes {low} and {high} do not lie on both sides of plane {truth}, the truth")


def _matched(shot: Pixels, truth: Pixels) -> Pixels:
    """Shot moved onto the truth, with the mean of each of its channels."""
    from scipy.ndimage import shift

    estimate = estimate_shift(truth, shot, _FARTHEST_PX)
    if np.isfinite(estimate.error_px) and max(abs(estimate.dy), abs(estimate.dx)) > _WORTH_MOVING_PX:
        moved = shift(shot.astype(np.float32), (-estimate.dy, -estimate.dx, 0), order=3, mode="mirror")
    else:
        moved = shot.astype(np.float32)
    gain = truth.mean(axis=(0, 1)) / np.maximum(moved.mean(axis=(0, 1)), 1)
    pixels: Pixels = np.clip(moved * gain + 0.5, 0, 255).astype(np.uint8)
    return pixels
