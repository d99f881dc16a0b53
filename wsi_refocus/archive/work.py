"""The work on one slide of an archive, as it is told from outside: how far it is, and when it has to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from wsi_refocus.errors import RefocusError
from wsi_refocus.pipeline.engine import Engine, Outcome
from wsi_refocus.pipeline.progress import Progress

Item = TypeVar("Item")
Result = TypeVar("Result")

CELLS_A_SHARD = 16
LOOK_EVERY = 10.0
"""Seconds between two looks at whether the slide still is this process's."""


class StoppedError(RefocusError):
    """The work on a slide was ended from outside; what is done is kept."""


class Watched:
    """Progress of one slide, handed on, from which can be read how much is left.

    Parameters
    ----------
    progress
        Who is told.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._left: int | None = None

    @property
    def tasks_left(self) -> int:
        """Tasks that the slide has for workers now, at a guess: one while it is not known."""
        return 1 if self._left is None else -(-self._left // CELLS_A_SHARD)

    def start(self, stage: str, total: int, unit: str) -> None:
        """A stage begins."""
        self._left = total if stage == "refocus" else None
        self._progress.start(stage, total, unit)

    def advance(self, done: int) -> None:
        """So many more pieces are done."""
        if self._left is not None:
            self._left = max(0, self._left - done)
        self._progress.advance(done)

    def stop(self) -> None:
        """The stage is over; what is left of the slide is no work for workers."""
        self._left = 0 if self._left is not None else None
        self._progress.stop()


class StoppableEngine:
    """An engine that others use too, and that ends one slide's tasks when it is told to.

    Parameters
    ----------
    engine
        Where the tasks run.
    stop
        Set when all work is to end.
    lost
        Whether the slide was taken over by another process.
    """

    def __init__(self, engine: Engine, stop: threading.Event, lost: Callable[[], bool]) -> None:
        self._engine, self._stop, self._lost = engine, stop, lost
        self._looked = time.monotonic()

    @property
    def slots(self) -> int:
        """Tasks that run at once."""
        return self._engine.slots

    @property
    def threads(self) -> int:
        """Tasks that run at once in one process."""
        return self._engine.threads

    def run(
        self, function: Callable[..., Result], items: Iterable[Item], shared: tuple[Any, ...], retries: int
    ) -> Iterator[Outcome[Item, Result]]:
        """Run tasks as the engine does.

        Raises
        ------
        StoppedError
            Once the work is to end.
        """
        outcomes = self._engine.run(function, items, shared, retries)
        try:
            self._check()
            for outcome in outcomes:
                self._check()
                yield outcome
        finally:
            close = getattr(outcomes, "close", None)
            if close is not None:
                close()

    def warm_up(self, function: Callable[..., object], *arguments: object) -> None:
        """Make processes ready, as the engine does."""
        self._engine.warm_up(function, *arguments)

    def _check(self) -> None:
        if self._stop.is_set():
            raise StoppedError("stopped; the same command continues")
        if time.monotonic() - self._looked > LOOK_EVERY:
            self._looked = time.monotonic()
            if self._lost():
                raise StoppedError("another process took the slide over, as this one gave no sign of life")
