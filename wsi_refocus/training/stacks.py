"""Fields cut from focal stacks: real shots, and the plane in focus as their truth."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from wsi_refocus.errors import UsageError
from wsi_refocus.methods import ShotGeometry, bank_for
from wsi_refocus.network.dual_plane import Guesses
from wsi_refocus.quality.focus import brenner_gradient
from wsi_refocus.training.fields import CHUNK, FIELD, Bytes, Fields, candidates_of, load_file, save_file

ABOUT = "about.json"
PARTS = ("fields", "validation")

Field = tuple[Bytes, Bytes, np.ndarray[tuple[()], np.dtype[np.float64]]]


def fields_of_stack(
    planes: Bytes, z_um: Sequence[float], mpp: float, offset_um: float, drift_um: float, guesses: Guesses
) -> Iterator[Field]:
    """Cut a stack into fields.

    In every square of `FIELD` pixels the plane of the largest Brenner gradient is the truth, and the planes nearest to
    those of a scanner with this offset and drift are the shots. Squares whose shots would lie beyond the stack are
    left out.

    Parameters
    ----------
    planes
        Shape (planes, height, width, 3), lowest first.
    z_um
        Their heights in µm.
    mpp
        µm per pixel.
    offset_um, drift_um
        ΔD and δ.
    guesses
        What the bank of inversions assumes.
    """
    heights = np.asarray(z_um, float)
    step = float(np.diff(heights).mean())
    for y in range(0, planes.shape[1] - FIELD + 1, FIELD):
        for x in range(0, planes.shape[2] - FIELD + 1, FIELD):
            square = planes[:, y : y + FIELD, x : x + FIELD]
            truth = int(np.argmax([brenner_gradient(plane) for plane in square]))
            wanted = [heights[truth] - offset_um - drift_um, heights[truth] + offset_um - drift_um]
            low, high = (int(np.argmin(np.abs(heights - each))) for each in wanted)
            if low == high or max(abs(heights[low] - wanted[0]), abs(heights[high] - wanted[1])) > 0.51 * step:
                continue
            shots = ShotGeometry(float(heights[high] - heights[low]) / 2, mpp)
            candidates = candidates_of(square[low], square[high], bank_for(shots, guesses))
            drift = heights[truth] - (heights[low] + heights[high]) / 2
            yield np.stack([square[low], square[high], square[truth], square[truth]]), candidates, np.array(drift)


def write_fields(
    fields: Iterable[Field],
    folder: Path,
    guesses: Guesses,
    validation_share: float,
    about: dict[str, Any],
    seed: int = 0,
) -> tuple[int, int]:
    """Write fields for training into a folder, some of them for validation.

    Parameters
    ----------
    fields
        Shots, candidates and drift of each.
    folder
        Folder to write; made if it is not there.
    guesses
        What their candidates were made with.
    validation_share
        Share that is validated on, drawn field by field.
    about
        What else is to be known of them.
    seed
        Seed of the draw.

    Returns
    -------
    train, validation : int
        Numbers of fields.

    Raises
    ------
    UsageError
        If either part would be empty.
    """
    generator = np.random.default_rng(seed)
    waiting: dict[str, list[Field]] = {part: [] for part in PARTS}
    files, counts = dict.fromkeys(PARTS, 0), dict.fromkeys(PARTS, 0)

    def flush(part: str) -> None:
        save_file(folder / part, files[part], waiting[part])
        files[part] += 1
        waiting[part] = []

    for field in fields:
        part = PARTS[int(generator.random() < validation_share)]
        waiting[part].append(field)
        counts[part] += 1
        if len(waiting[part]) == CHUNK:
            flush(part)
    for part in PARTS:
        if not counts[part]:
            raise UsageError(f"{folder}: too few fields, so that there is nothing to train or to validate on")
        if waiting[part]:
            flush(part)
    content = {**about, "guesses": asdict(guesses), "files": files}
    (folder / ABOUT).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return counts[PARTS[0]], counts[PARTS[1]]


def read_fields(folder: Path, guesses: Guesses, *, for_a_bank: bool) -> tuple[list[Fields], list[Fields]]:
    """Read what `write_fields` wrote: fields to train on and to validate on.

    Parameters
    ----------
    folder
        The folder.
    guesses
        What the network's bank assumes.
    for_a_bank
        Whether the network is fed by a bank, so that the guesses must be those of the fields.

    Raises
    ------
    UsageError
        If it is no such folder, or its candidates are of another bank.
    """
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        files, theirs = about["files"], about["guesses"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(
            f"{folder}: holds no imported fields; name a manifest, or a folder made by an import"
        ) from None
    if for_a_bank and theirs != json.loads(json.dumps(asdict(guesses))):
        raise UsageError(f"{folder}: was imported for a bank with other guesses; import it again")
    train, validation = ([load_file(folder / part, number) for number in range(files[part])] for part in PARTS)
    return train, validation
