"""Fields cut from focal stacks: real shots, and the plane in focus as their truth."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from wsi_refocus.errors import OutputError, UsageError
from wsi_refocus.methods import ShotGeometry, bank_for
from wsi_refocus.network.dual_plane import Guesses
from wsi_refocus.pairing.stack_fields import matched, sharpest
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
    for y in range(0, planes.shape[1] - FIELD + 1, FIELD):
        for x in range(0, planes.shape[2] - FIELD + 1, FIELD):
            square = planes[:, y : y + FIELD, x : x + FIELD]
            field = field_of(square, sharpest(square), z_um, mpp, offset_um, drift_um, guesses)
            if field is not None:
                yield field


def field_of(
    square: Sequence[Bytes] | Bytes,
    truth: int,
    z_um: Sequence[float],
    mpp: float,
    offset_um: float,
    drift_um: float,
    guesses: Guesses,
    margin: int = 0,
) -> Field | None:
    """Make a field of one square of a stack.

    Parameters
    ----------
    square
        Its planes, shape (`FIELD` + 2 margins, `FIELD` + 2 margins, 3) each, lowest first.
    truth
        Index of the plane in focus.
    z_um, mpp, offset_um, drift_um, guesses
        As for `fields_of_stack`.
    margin
        Pixels a side that are cut off after the shots were moved onto the truth and matched to its brightness; with 0
        they are taken as they are.

    Returns
    -------
    tuple or None
        Shots, candidates and drift; None if the shots would lie beyond the stack.
    """
    heights = np.asarray(z_um, float)
    step = float(np.diff(heights).mean())
    wanted = [heights[truth] - offset_um - drift_um, heights[truth] + offset_um - drift_um]
    low, high = (int(np.argmin(np.abs(heights - each))) for each in wanted)
    if low == high or max(abs(heights[low] - wanted[0]), abs(heights[high] - wanted[1])) > 0.51 * step:
        return None
    taken = [square[low], square[high], square[truth]]
    if margin:
        inner = (slice(margin, -margin), slice(margin, -margin))
        taken = [(shot if shot is taken[2] else matched(shot, taken[2]))[inner] for shot in taken]
    shots = ShotGeometry(float(heights[high] - heights[low]) / 2, mpp)
    candidates = candidates_of(taken[0], taken[1], bank_for(shots, guesses))
    drift = heights[truth] - (heights[low] + heights[high]) / 2
    return np.stack([*taken, taken[2]]), candidates, np.array(drift)


def write_fields(
    fields: Iterable[tuple[str, Field]],
    folder: Path,
    guesses: Guesses,
    about: dict[str, Any],
) -> tuple[int, int]:
    """Write fields for training into a folder, some of them for validation.

    What an earlier import wrote there is replaced.

    Parameters
    ----------
    fields
        Part of `PARTS`, and shots, candidates and drift of each.
    folder
        Folder to write; made if it is not there.
    guesses
        What their candidates were made with.
    about
        What else is to be known of them.

    Returns
    -------
    train, validation : int
        Numbers of fields.

    Raises
    ------
    UsageError
        If either part would be empty.
    OutputError
        If the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ABOUT).unlink(missing_ok=True)  # or an import that breaks off would pass for the one before it
        return _written(fields, folder, guesses, about)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error}); choose another output") from None


def by_chance(fields: Iterable[Field], validation_share: float, seed: int) -> Iterator[tuple[str, Field]]:
    """Assign each field to a part of `PARTS`; to validation with the probability of this share."""
    generator = np.random.default_rng(seed)
    for field in fields:
        yield PARTS[int(generator.random() < validation_share)], field


def _written(
    fields: Iterable[tuple[str, Field]], folder: Path, guesses: Guesses, about: dict[str, Any]
) -> tuple[int, int]:
    waiting: dict[str, list[Field]] = {part: [] for part in PARTS}
    files, counts = dict.fromkeys(PARTS, 0), dict.fromkeys(PARTS, 0)

    def flush(part: str) -> None:
        save_file(folder / part, files[part], waiting[part])
        files[part] += 1
        waiting[part] = []

    for part, field in fields:
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
