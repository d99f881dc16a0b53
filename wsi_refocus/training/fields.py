"""Simulated fields on disk: made once, by several processes, and read again and again."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from wsi_refocus.methods import ShotGeometry, bank_for
from wsi_refocus.network.dual_plane import DualPlaneFilters, Guesses
from wsi_refocus.optics.autofocus import sharpest_height
from wsi_refocus.optics.inversion import RADIUS
from wsi_refocus.optics.scanner import PLANAR, TwoShots, draw_acquisition, scan, views_of
from wsi_refocus.optics.specimen import Specimen, draw_lenses, draw_section, draw_smear, faded, specimen_of
from wsi_refocus.training.manifest import Entry, random_part

logger = logging.getLogger(__name__)

FIELD = 224
"""Edge in pixels of a field."""
CHUNK = 25
"""Fields in a file."""
MARGIN = 24
"""Pixels a side that are simulated besides, and fade into empty glass."""
SMEARS = 0.35
"""Share of drawn smears among the fields."""
LENSES = 0.5
"""Share of those of cells that act as lenses."""
AUTOFOCUSED = 0.7
"""Share of the fields whose truth lies between the view of least blur and the sharpest one, which phase parts."""
_FADE = 10
_FEW_POINTS = 8
_COARSEST_MPP = 0.55

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Fields:
    """Simulated fields, mapped from disk.

    Attributes
    ----------
    shots : ndarray of uint8, shape (n, 4, FIELD, FIELD, 3)
        First shot, second shot, truth on the grid of the first and on that of the second.
    candidates : ndarray of uint8, shape (n, guesses, 3, FIELD, FIELD)
        What a bank of inversions makes of the shots.
    drift_um : ndarray of float64, shape (n,)
        δ of each field.
    """

    shots: Bytes
    candidates: Bytes
    drift_um: NDArray[np.float64]


def simulated_fields(
    entries: Sequence[Entry],
    folder: Path,
    count: int,
    guesses: Guesses,
    seed: int,
    processes: int,
    simulation: str = "full",
) -> list[Fields]:
    """Simulate fields into a folder, or take those that are there.

    Parameters
    ----------
    entries
        Images to draw from.
    folder
        Where files of `CHUNK` fields are kept, in a folder of their own for these images, guesses and seed; what is
        missing is made.
    count
        Number of fields; rounded up to whole files.
    guesses
        What the bank of inversions assumes.
    seed
        Seed; every file has its own, so that an interruption changes nothing.
    processes
        How many simulate at once; 0 for this one alone.
    simulation
        ``full``, or ``planar``: a control, the paper's eq. 1 (`PLANAR`).
    """
    size = min(count, CHUNK)
    folder = folder / _digest(entries, guesses, seed, size, simulation)
    folder.mkdir(parents=True, exist_ok=True)
    numbers = range(-(-count // size))
    missing = [number for number in numbers if not _paths(folder, number)[-1].exists()]
    logger.info("%s: %d of %d files of %d fields are to be simulated", folder, len(missing), len(numbers), size)
    jobs = (
        repeat(list(entries)),
        repeat(folder),
        missing,
        repeat(size),
        repeat(guesses),
        repeat(seed),
        repeat(simulation),
    )
    if processes and missing:
        with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
            list(pool.map(_make_file, *jobs))
    else:
        list(map(_make_file, *jobs))
    return [load_file(folder, number) for number in numbers]


def load_file(folder: Path, number: int) -> Fields:
    """Map a file of fields from disk."""
    return Fields(*(np.load(path, mmap_mode="r") for path in _paths(folder, number)))


def save_file(folder: Path, number: int, made: Sequence[tuple[Bytes, Bytes, NDArray[np.float64]]]) -> None:
    """Write fields, each of shots, candidates and drift; the last of the parts is there only if all are."""
    folder.mkdir(parents=True, exist_ok=True)
    for path, arrays in zip(_paths(folder, number), zip(*made, strict=True), strict=True):
        temporary = path.with_suffix(".tmp.npy")
        np.save(temporary, np.stack(arrays))
        temporary.replace(path)


def _digest(entries: Sequence[Entry], guesses: Guesses, seed: int, size: int, simulation: str) -> str:
    """Name for all that decides what fields look like, so that no stale ones are taken."""
    facts = repr(([(str(entry.path), entry.mpp) for entry in entries], guesses, seed, FIELD, size, simulation))
    return hashlib.sha256(facts.encode()).hexdigest()[:12]


def _paths(folder: Path, number: int) -> list[Path]:
    return [folder / f"{number:04d}.{name}.npy" for name in ("shots", "candidates", "drift_um")]


def _make_file(
    entries: list[Entry], folder: Path, number: int, size: int, guesses: Guesses, seed: int, simulation: str
) -> None:
    torch.set_num_threads(1)
    generator = np.random.default_rng([seed, number])
    save_file(folder, number, [_field(entries, guesses, generator, simulation) for _ in range(size)])


def _field(
    entries: list[Entry], guesses: Guesses, generator: np.random.Generator, simulation: str
) -> tuple[Bytes, Bytes, NDArray[np.float64]]:
    scanned = _planar if simulation == "planar" else _scanned
    shots, geometry, drift_um = scanned(entries, generator)
    candidates = candidates_of(shots.first, shots.second, bank_for(geometry, guesses))
    pixels = np.stack([shots.first, shots.second, shots.truth, shots.truth_of_second])
    return pixels, candidates, np.array(drift_um)


def _planar(entries: list[Entry], generator: np.random.Generator) -> tuple[TwoShots, ShotGeometry, float]:
    """Scan by the paper's eq. 1."""
    image, mpp = _image(entries, generator)
    drawn = draw_acquisition(generator)
    acquisition = replace(PLANAR, defocus_offset_um=drawn.defocus_offset_um, drift_um=drawn.drift_um)
    shots = scan(faded(specimen_of(image, 0.0, 0.0), _FADE), mpp, acquisition, generator, MARGIN)
    return shots, ShotGeometry(acquisition.defocus_offset_um, mpp), acquisition.drift_um


def _scanned(entries: list[Entry], generator: np.random.Generator) -> tuple[TwoShots, ShotGeometry, float]:
    """Scan of a section or a smear by a scanner whose every parameter is drawn."""
    smear = bool(generator.random() < SMEARS)
    specimen, mpp = _smear(generator) if smear else _section(entries, generator)
    acquisition = draw_acquisition(generator, smear=smear)
    specimen = faded(specimen, _FADE)
    if generator.random() < AUTOFOCUSED:
        sharpest = sharpest_height(views_of(specimen, mpp, acquisition, _FEW_POINTS))
        acquisition = replace(acquisition, focus_um=sharpest * float(generator.random()))
    shots = scan(specimen, mpp, acquisition, generator, MARGIN)
    return shots, ShotGeometry(acquisition.defocus_offset_um, mpp), acquisition.drift_um


def _smear(generator: np.random.Generator) -> tuple[Specimen, float]:
    """Smear, and its µm per pixel."""
    mpp = float(generator.uniform(0.2, _COARSEST_MPP))
    draw = draw_lenses if generator.random() < LENSES else draw_smear
    return draw(FIELD + 2 * MARGIN, mpp, generator), mpp


def _section(entries: list[Entry], generator: np.random.Generator) -> tuple[Specimen, float]:
    """Section made from an image, and its µm per pixel."""
    part, mpp = _image(entries, generator)
    return draw_section(part, mpp, generator), mpp


def _image(entries: list[Entry], generator: np.random.Generator) -> tuple[Bytes, float]:
    """Part of an image, some of them at larger pixels, and its µm per pixel."""
    edge = FIELD + 2 * MARGIN
    entry = entries[int(generator.integers(len(entries)))]
    image, mpp = entry.read(), entry.mpp
    if generator.random() < 0.6 and mpp < _COARSEST_MPP / 1.05:
        image, mpp = _coarser(image, mpp, generator.uniform(1, min(2, _COARSEST_MPP / mpp)), generator)
    return np.rot90(random_part(image, edge, generator), int(generator.integers(4))), mpp


def _coarser(image: Bytes, mpp: float, factor: float, generator: np.random.Generator) -> tuple[Bytes, float]:
    """Part of an image at larger pixels."""
    wanted = int((FIELD + 2 * MARGIN) * factor) + 2
    y, x = (int(generator.integers(0, max(1, side - wanted))) for side in image.shape[:2])
    picture = Image.fromarray(image[y : y + wanted, x : x + wanted])
    smaller = picture.resize((int(picture.width / factor), int(picture.height / factor)), Image.Resampling.LANCZOS)
    return np.asarray(smaller), mpp * factor


def candidates_of(first: Bytes, second: Bytes, filters: DualPlaneFilters) -> Bytes:
    """What a bank makes of two shots (height, width, 3), in whole grey levels, shape (guesses, 3, height, width)."""
    pad = ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0))
    pair = [
        torch.from_numpy(np.pad(shot, pad, mode="reflect")).permute(2, 0, 1)[None].float().div(255)
        for shot in (first, second)
    ]
    with torch.inference_mode():
        made = filters(*pair)[0, ..., RADIUS:-RADIUS, RADIUS:-RADIUS]
    levels: Bytes = made.mul(255).round().clamp(0, 255).to(torch.uint8).numpy()
    return levels


def each_field(files: Sequence[Fields]) -> Iterator[tuple[Bytes, Bytes, float]]:
    """Go through the fields of all files: shots, candidates, δ."""
    for fields in files:
        yield from zip(fields.shots, fields.candidates, fields.drift_um, strict=True)
