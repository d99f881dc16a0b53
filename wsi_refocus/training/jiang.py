"""The data of Jiang et al. 2018 (figshare 5936881), for people who have it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from wsi_refocus.errors import SlideError, UsageError
from wsi_refocus.network.dual_plane import Guesses
from wsi_refocus.slide.picture import read_picture
from wsi_refocus.training.stacks import Field, by_chance, fields_of_stack, write_fields

MPP = 0.345
"""µm per pixel: 20×, camera pixels binned 2 × 2."""
VALIDATION_SHARE = 0.15
PLANES = 41
_TILE = re.compile(r"Seg(?P<tile>\d+)_defocus(?P<nm>-?\d+)\.jpe?g", re.IGNORECASE)
_SLIDE = re.compile(r"s\d+_l\d+", re.IGNORECASE)


def import_jiang(
    source: Path,
    folder: Path,
    guesses: Guesses,
    offset_um: float,
    seed: int = 0,
    progress: Callable[[int], None] = lambda _: None,
) -> tuple[int, int]:
    """Cut the data set into fields, as the paper does.

    Every tile is a stack of 41 planes, −10 to +10 µm in steps of 0.5 µm around its own focus. A drift δ ~ N(0, 1 µm) by
    tile makes these distances absolute: shots are taken at ±ΔD around the initial focal plane, and the tile lies δ
    above it. Squares of 224 × 224 pixels are cut; 85 % are trained on and 15 % validated on.

    Parameters
    ----------
    source
        Folder that holds ``s{n}_l{m}/Seg{k}_defocus{nm}.jpg``.
    folder
        Folder to write.
    guesses
        What the bank of inversions assumes.
    offset_um
        ΔD.
    seed
        Seed of drifts and split.
    progress
        Called with 1 for every tile.

    Returns
    -------
    train, validation : int
        Numbers of fields.

    Raises
    ------
    UsageError
        If the folder holds no such files, a tile lacks planes, or an image is damaged.
    """
    tiles = find_tiles(source)

    def fields() -> Iterator[Field]:
        for number, (name, files) in enumerate(sorted(tiles.items())):
            drift = float(np.random.default_rng([seed, number]).normal(0, 1))
            heights = sorted(files)
            planes = np.stack([_read(files[nm], name) for nm in heights])
            yield from fields_of_stack(planes, [nm / 1000 for nm in heights], MPP, offset_um, drift, guesses)
            progress(1)

    about = {"source": "Jiang et al. 2018, figshare 5936881", "mpp": MPP, "offset_um": offset_um, "tiles": len(tiles)}
    return write_fields(by_chance(fields(), VALIDATION_SHARE, seed), folder, guesses, about)


def find_tiles(source: Path) -> dict[str, dict[int, Path]]:
    """Find the planes of every tile, by their defocus in nm.

    Raises
    ------
    UsageError
        If there are none, or a tile lacks planes.
    """
    tiles: dict[str, dict[int, Path]] = {}
    for path in sorted(source.rglob("*")):
        found = _TILE.fullmatch(path.name)
        if found and _SLIDE.fullmatch(path.parent.name):
            tiles.setdefault(f"{path.parent.name}/Seg{found['tile']}", {})[int(found["nm"])] = path
    if not tiles:
        raise UsageError(f"{source}: holds no s{{n}}_l{{m}}/Seg{{k}}_defocus{{nm}}.jpg; name the data set's folder")
    for name, planes in tiles.items():
        if len(planes) != PLANES:
            raise UsageError(f"{source}/{name}: has {len(planes)} of {PLANES} planes; copy it again")
    return tiles


def _read(path: Path, name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    try:
        return read_picture(path)
    except SlideError as error:
        raise UsageError(f"{name}: {error}") from None
