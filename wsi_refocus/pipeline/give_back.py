"""Giving tiles back as they were captured, without a seam: within a shard, and across its border afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.geometry import Region, Size
from wsi_refocus.pairing.blending import WIDTH, feather
from wsi_refocus.pipeline.compose import Pixels, mixed
from wsi_refocus.tiling.grid import CellGrid, CellIndex

RIM = WIDTH
"""Pixels along the border of a shard that tiles beyond it can change."""


def captured(region: Region, first: Pixels, second: Pixels, second_is_sharper: NDArray[np.bool_]) -> Pixels:
    """The sharper shot of every cell, blended where the choice changes.

    Parameters
    ----------
    region
        Pixels of the slide.
    first, second
        The aligned shots over it, shape (height, width, 3).
    second_is_sharper
        Cells of the slide in which the second shot is Y1.
    """
    sharper: Pixels = mixed(first, second, feather(second_is_sharper, region)).view(np.uint8)
    return sharper


def given_back(region: Region, refocused: Pixels, sharper: Pixels, believed: NDArray[np.bool_]) -> Pixels:
    """Refocused pixels that fade into the sharper shot towards cells that are not believed.

    Parameters
    ----------
    region
        Pixels of the slide.
    refocused, sharper
        Both over it, shape (height, width, 3).
    believed
        Cells of the slide that stay refocused.
    """
    blend: Pixels = mixed(sharper, refocused, feather(believed, region)).view(np.uint8)
    return blend


def believed(size: Size, kept: Iterable[CellIndex]) -> NDArray[np.bool_]:
    """Cells of a slide that stay as they are, given those that do not."""
    stays = np.ones(CellGrid(size).shape, np.bool_)
    for cell in kept:
        stays[cell] = False
    return stays


def rims_of(region: Region) -> Iterator[tuple[str, Region]]:
    """The four strips along the border of a shard, by name; they share their corners."""
    height, width = min(RIM, region.height), min(RIM, region.width)
    yield "top", Region(region.y, region.x, height, region.width)
    yield "bottom", Region(region.y1 - height, region.x, height, region.width)
    yield "left", Region(region.y, region.x, region.height, width)
    yield "right", Region(region.y, region.x1 - width, region.height, width)


def save_rims(path: Path, region: Region, refocused: Pixels) -> None:
    """Keep the strips of a shard as they were refocused, for when it is known what lies beyond.

    Parameters
    ----------
    path
        File to write; there whole or not at all.
    region
        Pixels of the shard.
    refocused
        All of them, shape (height, width, 3).
    """
    strips = {name: refocused[strip.relative_to(region).slices] for name, strip in rims_of(region)}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.stem}.{os.getpid()}.tmp.npz")
    np.savez(temporary, top=strips["top"], bottom=strips["bottom"], left=strips["left"], right=strips["right"])
    temporary.replace(path)


def load_rims(path: Path) -> Mapping[str, Pixels]:
    """Strips of `save_rims`, by name."""
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files}
