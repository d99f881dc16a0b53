"""What is verified: an output, what it says of itself, and how much of it is looked at."""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from wsi_refocus.errors import OutputError
from wsi_refocus.ngff.stored import StoredLevel, image_groups, open_image
from wsi_refocus.pipeline.progress import Progress

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Subject:
    """An output that is being verified.

    Attributes
    ----------
    path : Path
        Its folder.
    provenance : dict
        What it says of where it comes from.
    images : dict
        Levels of its images, by the folder of the image.
    damaged : dict
        What is wrong with images that cannot be opened, by the folder of the image.
    tiles : int or None
        Tiles and regions that are recomputed; None for all of them.
    seed : int
        Seed of the choice.
    progress : Progress
        Who is told how far it is.
    """

    path: Path
    provenance: dict[str, Any]
    images: dict[str, tuple[StoredLevel, ...]]
    damaged: dict[str, str]
    tiles: int | None
    seed: int
    progress: Progress

    @classmethod
    def look(cls, path: Path, provenance: dict[str, Any], tiles: int | None, seed: int, progress: Progress) -> Subject:
        """Open the images of an output, as far as they can be opened."""
        images, damaged = {}, {}
        contents = provenance.get("slide")
        for group in image_groups(contents if isinstance(contents, dict) else {}):
            try:
                images[group] = open_image(path, group)
            except OutputError as error:
                damaged[group] = str(error)
        return cls(path, provenance, images, damaged, tiles, seed, progress)

    def sample(self, items: Iterable[Item], kind: Callable[[Item], Hashable]) -> list[Item]:
        """Choose at random as many as are asked for, in their own order, and one of each kind at least."""
        every = list(items)
        if self.tiles is None or len(every) <= self.tiles:
            return every
        order = list(range(len(every)))
        random.Random(self.seed).shuffle(order)  # noqa: S311 - a choice that is the same every time, no secret
        first = {kind(every[number]): number for number in reversed(order)}.values()
        chosen = dict.fromkeys([*first, *order])
        return [every[number] for number in sorted(list(chosen)[: max(self.tiles, len(first))])]
