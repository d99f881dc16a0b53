"""A slide of which some cells are not believed, and what its output has to be."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tests.support.two_shot import tissue, two_planes, write_ome_tiff
from tests.trust.evidence import ANYTHING
from wsi_refocus.geometry import Region, Size
from wsi_refocus.pairing.blending import feather
from wsi_refocus.tiling.grid import CELL, CellGrid, CellIndex

Image = NDArray[np.uint8]
SIZE = Size(2304, 2304)
SHARD = 2048
TINTED = (CellIndex(3, 3), CellIndex(4, 1))
"""One in the corner where four shards meet, one beside a border."""
LIMITS = ANYTHING | {"stain_change": 0.005}
"""Those that the colour of the tinted cells breaks, and nothing else."""


def shots_with_tinted_cells() -> tuple[Image, Image]:
    """Two shots, each the sharper one in its half; stripes of the second are red and green in two cells.

    All of the second shot is darker and brighter in broad spots besides, so that a border between a shot and the mean
    of both would show.
    """
    first, second = two_planes(tissue(SIZE, seed=11), tilted=True)
    spots = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal(SIZE).astype(np.float32), 12)
    changed = second + (10 / spots.std() * spots)[..., np.newaxis]
    stripes = (1 + 0.3 * np.sin(2 * np.pi * np.arange(CELL) / 64)).astype(np.float32)[:, np.newaxis]
    for cell in TINTED:
        place = CellGrid(SIZE).region(cell).slices
        changed[(*place, 0)] *= stripes[: changed[place].shape[0]]
    return first, np.clip(np.rint(changed), 0, 255).astype(np.uint8)


def write_slide(path: Path, shots: tuple[Image, Image]) -> Path:
    """Write two shots without loss."""
    return write_ome_tiff(path, list(shots), z_um=[-0.75, 0.75], mpp=0.5, compression="deflate")


def options(**changed: Any) -> dict[str, Any]:
    """How the slide is refocused, so that the tinted cells are kept and no others."""
    return {"method": "mean", "workers": 0, "limits": LIMITS, **changed}


def blended(zero: Image, one: Image, weight: NDArray[np.float32] | float) -> Image:
    """Weighted mean in whole grey levels, halves up."""
    share = np.broadcast_to(np.asarray(weight, np.float32), zero.shape[:2])[..., np.newaxis]
    mean = zero.astype(np.float32) * (1 - share) + one.astype(np.float32) * share
    mixture: Image = np.floor(mean + np.float32(0.5)).astype(np.uint8)
    return mixture


def faded(refocused: Image, shots: tuple[Image, Image], choice: NDArray[np.bool_], kept: list[CellIndex]) -> Image:
    """What the output has to be, made over the whole slide at once.

    Parameters
    ----------
    refocused
        The slide, all of it refocused.
    shots
        Both shots on its grid.
    choice
        Cells in which the second shot is the sharper one.
    kept
        Cells to be given back.
    """
    whole = Region.whole(SIZE)
    sharper = blended(*shots, feather(choice, whole))
    stays = np.ones(CellGrid(SIZE).shape, np.bool_)
    for cell in kept:
        stays[cell] = False
    return blended(sharper, refocused, feather(stays, whole))
