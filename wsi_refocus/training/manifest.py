"""In-focus images and their splits; what is set aside for tests never gets past this file."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.errors import SlideError, UsageError
from wsi_refocus.slide.picture import read_picture


@dataclass(frozen=True, slots=True)
class Entry:
    """One image of a manifest.

    Attributes
    ----------
    path : Path
        The file.
    group : str
        Patient or case; splits never part a group.
    mpp : float
        µm per pixel.
    split : str
        ``train`` or ``test``.
    source : str
        Where it comes from, as the manifest calls it.
    """

    path: Path
    group: str
    mpp: float
    split: str
    source: str = ""

    def read(self) -> NDArray[np.uint8]:
        """Read the image as RGB of shape (height, width, 3).

        Raises
        ------
        UsageError
            If it is missing or damaged.
        """
        try:
            return read_picture(self.path)
        except SlideError as error:
            raise UsageError(f"{error}; or take it out of the manifest") from None


def random_part(image: NDArray[np.uint8], edge: int, generator: np.random.Generator) -> NDArray[np.uint8]:
    """Random square of an image, which is continued by its mirror image where it is smaller than ``edge`` pixels."""
    missing = [(0, max(0, edge - side)) for side in image.shape[:2]]
    image = np.pad(image, (*missing, (0, 0)), mode="reflect")
    y, x = (int(generator.integers(0, side - edge + 1)) for side in image.shape[:2])
    return image[y : y + edge, x : x + edge]


def read_manifest(path: str | Path) -> list[Entry]:
    """Read a manifest.

    Raises
    ------
    UsageError
        If it cannot be read, lacks a column, has a group in two splits, or names a file that does not exist.
    """
    path = Path(path)
    try:
        with path.open(newline="", encoding="utf-8") as file:
            entries = [
                Entry(path.parent / row["file"], row["group"], float(row["mpp"]), row["split"], row.get("source", ""))
                for row in csv.DictReader(file)
            ]
    except (OSError, KeyError, ValueError, TypeError, csv.Error) as error:
        raise UsageError(f"{path}: is no manifest with columns file, group, mpp and split ({error!r})") from None
    splits: dict[str, str] = {}
    for entry in entries:
        if splits.setdefault(entry.group, entry.split) != entry.split:
            raise UsageError(f"{path}: the group {entry.group} is in two splits")
    missing = [entry.path for entry in entries if not entry.path.is_file()]
    if missing:
        raise UsageError(f"{missing[0]}: is in {path.name} but does not exist ({len(missing)} such); mend the manifest")
    return entries


def training_entries(entries: list[Entry], validation_share: float) -> tuple[list[Entry], list[Entry]]:
    """Part the ``train`` split into what is learned from and what is validated on, by group.

    Which groups are held out follows from their names alone, so that it stays the same when images are added.

    Parameters
    ----------
    entries
        All of a manifest.
    validation_share
        Share of the groups to hold out.

    Returns
    -------
    train, validation : list of Entry
        Nothing of any other split is in either.

    Raises
    ------
    UsageError
        If one of them is empty.
    """
    usable = [entry for entry in entries if entry.split == "train"]
    held_out = [entry for entry in usable if _draw(entry.group) < validation_share]
    kept = [entry for entry in usable if _draw(entry.group) >= validation_share]
    if not kept or not held_out:
        raise UsageError("the manifest has too few groups in its train split to train and to validate on")
    return kept, held_out


def _draw(group: str) -> float:
    """Number from 0 to 1 that belongs to a group's name."""
    return int.from_bytes(hashlib.sha256(group.encode()).digest()[:8], "big") / 2**64
