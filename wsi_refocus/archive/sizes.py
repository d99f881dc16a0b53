"""How large slides are on disk, and how an archive is split among jobs by that."""

from __future__ import annotations

import contextlib
import heapq
import os
from collections.abc import Sequence
from pathlib import Path

from wsi_refocus.archive.entry import Entry
from wsi_refocus.errors import UsageError
from wsi_refocus.storage.urls import is_remote


def size_of(entry: Entry) -> int:
    """Bytes of a slide's files on disk; 0 for what is not there, and for URLs."""
    return sum(_bytes(Path(path)) for path in entry.files if not is_remote(path))


def largest_first(entries: Sequence[Entry]) -> list[Entry]:
    """Slides in the order in which they are best taken up, so that no large one is left for the end."""
    sizes = {entry.key: size_of(entry) for entry in entries}
    return sorted(entries, key=lambda entry: (-sizes[entry.key], entry.key))


def part_of(entries: Sequence[Entry], number: int, count: int) -> list[Entry]:
    """Slides of one job of an array, without any talk with the others.

    The same slides give the same parts: the largest first, each goes to the part with the fewest bytes so far.

    Parameters
    ----------
    entries
        All slides.
    number
        Which job, from 1.
    count
        Jobs in all.

    Raises
    ------
    UsageError
        If there is no such part.
    """
    if not 1 <= number <= count:
        raise UsageError(f"--job-array {number}/{count}: jobs are counted from 1 to {count}")
    heap = [(0, part) for part in range(count)]
    mine: list[Entry] = []
    for entry in largest_first(entries):
        filled, part = heapq.heappop(heap)
        heapq.heappush(heap, (filled + max(1, size_of(entry)), part))
        if part == number - 1:
            mine.append(entry)
    return mine


def _bytes(path: Path) -> int:
    with contextlib.suppress(OSError):
        if path.is_dir():
            return sum(Path(folder, name).stat().st_size for folder, _, names in os.walk(path) for name in names)
        return path.stat().st_size
    return 0
