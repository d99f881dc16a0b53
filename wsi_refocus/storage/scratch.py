"""Copies of slides on a fast local disk, kept within a size."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from wsi_refocus.errors import SlideError
from wsi_refocus.storage.copying import copy_files
from wsi_refocus.storage.shelf import Shelf, Slot
from wsi_refocus.storage.sources import Source, source_of
from wsi_refocus.storage.urls import public

logger = logging.getLogger(__name__)

_MEGABYTE = 10**6
_WAIT_SECONDS = 0.5


class CopyProgress(Protocol):
    """Receiver of how far copying is."""

    def start(self, stage: str, total: int, unit: str) -> None:
        """A stage of ``total`` pieces of work begins."""
        ...

    def advance(self, done: int) -> None:
        """So many more pieces of the stage are done."""
        ...

    def stop(self) -> None:
        """The stage is over."""
        ...


@dataclass(frozen=True, slots=True)
class Scratch:
    """A folder for copies of slides, which several processes may share.

    A copy is there whole or not at all, and is used again until its slide changes. The copies that were not used
    for the longest time, and are not in use, are removed to make room.

    Attributes
    ----------
    folder : str
        The folder; all workers have to see it.
    size : int or None
        Most bytes of all copies together; None for as many as the disk has room for.
    """

    folder: str
    size: int | None = None

    @contextmanager
    def copied(self, paths: Sequence[str], progress: CopyProgress | None = None) -> Iterator[tuple[str, ...]]:
        """Copy the files of a slide, and keep the copies until the context ends.

        Where there is no room beside copies that are in use, it waits for them.

        Parameters
        ----------
        paths
            Files, folders or URLs.
        progress
            Told of the megabytes.

        Yields
        ------
        tuple of str
            Where to read each of them. That is the URL itself of an OME-Zarr on a web server, which cannot be copied.

        Raises
        ------
        SlideError
            If a slide cannot be read, or needs more than ``size``.
        NoSpaceError
            If the disk has too little room.
        OutputError
            If the folder cannot be written.
        """
        found = {path: source_of(path) for path in paths}
        for path in (path for path, source in found.items() if source is None):
            logger.warning("%s: is an OME-Zarr on a web server, which cannot be copied; it is read there", public(path))
        sources = {source.key: source for source in found.values() if source is not None}
        self._require_small(list(sources.values()))
        shelf = Shelf(Path(self.folder))
        with ExitStack() as stack:
            slots = self._slots(shelf, sources, stack)
            _fill(shelf, sources, [slot for slot in slots.values() if not slot.ready], progress)
            yield tuple(
                path if source is None else str(slots[source.key].files / source.name) for path, source in found.items()
            )

    def _require_small(self, sources: Sequence[Source]) -> None:
        needed = sum(source.size for source in sources)
        if self.size is not None and needed > self.size:
            raise SlideError(
                f"{public(sources[0].path)}: needs {_gigabytes(needed)} of scratch, and --scratch-size is "
                f"{_gigabytes(self.size)}; raise it, or leave --scratch out"
            )

    def _slots(self, shelf: Shelf, sources: dict[str, Source], stack: ExitStack) -> dict[str, Slot]:
        """Take a slot for each slide, all at once, so that nobody waits for one while holding another."""
        waiting = False
        while True:
            slots = shelf.take({key: source.size for key, source in sources.items()}, self.size)
            if slots is not None:
                for slot in slots.values():
                    stack.callback(slot.release)
                return slots
            if not waiting:
                logger.warning("%s: waits for room, as all copies there are in use", self.folder)
                waiting = True
            time.sleep(_WAIT_SECONDS)


def _fill(shelf: Shelf, sources: dict[str, Source], slots: Sequence[Slot], progress: CopyProgress | None) -> None:
    """Copy into slots that are empty."""
    if not slots:
        return
    bytes_left = 0

    def advance(done: int) -> None:
        nonlocal bytes_left
        bytes_left += done
        if progress is not None and bytes_left >= _MEGABYTE:
            progress.advance(bytes_left // _MEGABYTE)
            bytes_left %= _MEGABYTE

    if progress is not None:
        progress.start("copy", sum(sources[slot.key].size for slot in slots) // _MEGABYTE, "MB")
    try:
        for slot in slots:
            source = sources[slot.key]
            copy_files(source, slot.unfinished, advance)
            shelf.finish(slot, {file.name: file.size for file in source.files}, public(source.path))
    finally:
        if progress is not None:
            progress.stop()


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.3g} GB"
