"""Focal stacks: the planes of a slide, or of a folder of images, from the lowest to the highest."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.errors import SlideError, UsageError
from wsi_refocus.geometry import Region, Size
from wsi_refocus.slide.model import FocalPlane
from wsi_refocus.slide.open import has_zarr_documents, open_slide
from wsi_refocus.slide.plane_folder import PlaneFolder
from wsi_refocus.slide.source import SlideSource
from wsi_refocus.storage.urls import is_remote

logger = logging.getLogger(__name__)

FEWEST = 3
"""Planes of the smallest stack: one in focus, and one on each side of it."""
_SAME = 0.01
"""Relative difference up to which what is given agrees with what a slide says."""


@dataclass(frozen=True, slots=True)
class FocalStack:
    """An open focal stack; a context manager.

    Attributes
    ----------
    source : SlideSource
        The slide, or the folder of images.
    order : tuple of int
        Indices of its planes from the lowest to the highest; as they are where the heights are unknown.
    z_um : tuple of float or None
        Heights of the planes in that order, in µm; None where they are unknown.
    mpp : float or None
        µm per pixel; None where it is unknown.
    """

    source: SlideSource
    order: tuple[int, ...]
    z_um: tuple[float, ...] | None
    mpp: float | None

    @property
    def name(self) -> str:
        """Name of the file or folder, for messages."""
        return " + ".join(self.source.info.paths)

    @property
    def size(self) -> Size:
        """Extent of the planes in pixels."""
        return self.source.info.size

    def read(self, region: Region) -> list[NDArray[np.uint8]]:
        """Read a part of all planes.

        Parameters
        ----------
        region
            Pixels of level 0.

        Returns
        -------
        list of ndarray, shape (height, width, 3)
            RGB, from the lowest plane to the highest.

        Raises
        ------
        UsageError
            If the region does not lie on the stack.
        CorruptRegionError
            If the pixels cannot be decoded.
        """
        return [self.source.read_region(plane, 0, region) for plane in self.order]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.source.close()


def open_stack(path: str | Path, z_step_um: float | None = None, mpp: float | None = None) -> FocalStack:
    """Open a focal stack: a slide of at least three planes, or a folder with one image a plane.

    Parameters
    ----------
    path
        Anything that `open_slide` opens, or a folder of images, which are taken in the order of their names.
    z_step_um
        Distance of two planes in µm, that replaces what the slide says; a contradiction is logged.
    mpp
        µm per pixel, likewise.

    Raises
    ------
    SlideError
        If it cannot be read, or has fewer than three planes.
    UsageError
        If a distance or a size of pixels is not positive.
    """
    for name, given in (("z-step", z_step_um), ("mpp", mpp)):
        if given is not None and not 0 < given < np.inf:
            raise UsageError(f"{path}: --{name} must be a number larger than 0, not {given:g}")
    images = not is_remote(str(path)) and Path(path).is_dir() and not has_zarr_documents(Path(path))
    source: SlideSource = PlaneFolder(path) if images else open_slide(path)
    planes = source.info.planes
    if len(planes) < FEWEST:
        source.close()
        planes_held = "one focal plane" if len(planes) == 1 else f"{len(planes)} focal planes"
        raise SlideError(
            f"{path}: has {planes_held}, and a focal stack has at least {FEWEST}; give a stack through focus, or make "
            "one with `wsi-refocus simulate --planes 9`"
        )
    for note in source.info.notes:
        logger.warning("%s", note)
    order, z_um = _ordered(planes)
    if z_step_um is not None:
        z_um = _heights_given(len(planes), z_step_um, z_um, str(path))
    own = source.info.mpp
    size = None if own is None else (own[0] + own[1]) / 2
    if mpp is not None and size is not None and abs(mpp - size) > _SAME * size:
        logger.warning("%s: says %g µm per pixel; %g is taken, as given (--mpp)", path, size, mpp)
    return FocalStack(source, order, z_um, size if mpp is None else mpp)


def even_heights(planes: int, z_step_um: float) -> tuple[float, ...]:
    """Heights in µm of planes at even distances, from 0."""
    return tuple(number * z_step_um for number in range(planes))


def _ordered(planes: Sequence[FocalPlane]) -> tuple[tuple[int, ...], tuple[float, ...] | None]:
    """Order of the planes, and their heights where each has one of its own."""
    known = [(plane.z_um, plane.index) for plane in planes if plane.z_um is not None]
    if len({z for z, _ in known}) < len(planes):
        return tuple(plane.index for plane in planes), None
    known.sort()
    return tuple(index for _, index in known), tuple(z for z, _ in known)


def _heights_given(count: int, z_step_um: float, z_um: tuple[float, ...] | None, name: str) -> tuple[float, ...]:
    """Heights by the step that was given; those of the slide where they agree with it."""
    if z_um is not None:
        steps = np.diff(z_um)
        if np.all(np.abs(steps - z_step_um) <= _SAME * z_step_um):
            return z_um
        said = " to ".join(dict.fromkeys(f"{each:.4g}" for each in (steps.min(), steps.max())))
        logger.warning(
            "%s: says that its planes lie %s µm apart; %g is taken, as given (--z-step)", name, said, z_step_um
        )
    return even_heights(count, z_step_um)
