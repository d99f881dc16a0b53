"""How long tasks run, and which of them run for so long that they must be taken to hang."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

AT_FIRST = 3600.0
"""Seconds that a task may take as long as none like it has finished."""
AT_LEAST = 600.0
"""Seconds that a task may take in any case."""
TIMES_THE_SLOWEST = 20.0
"""How many times as long as the slowest so far a task may take."""


@dataclass(slots=True)
class TimeLimit:
    """The time that tasks of one kind may take: as told, or by how long others took.

    Attributes
    ----------
    told : float or None
        Seconds; None to go by the others.
    slowest : float or None
        Seconds that the slowest took so far.
    """

    told: float | None = None
    slowest: float | None = None

    @property
    def seconds(self) -> float:
        """The limit as it is now."""
        if self.told is not None:
            return self.told
        return AT_FIRST if self.slowest is None else max(AT_LEAST, TIMES_THE_SLOWEST * self.slowest)

    def finished(self, seconds: float | None) -> None:
        """Learn from a task that finished; None if it is not known how long it took."""
        if seconds is not None:
            self.slowest = max(self.slowest or 0.0, seconds)


@dataclass(slots=True)
class Watch:
    """Since when tasks run, and where; told by the workers, by this process's clock, which only ever grows.

    Attributes
    ----------
    clock : callable
        Seconds.
    """

    clock: Callable[[], float] = time.monotonic
    _begun: dict[int, tuple[str, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, number: int, worker: str) -> None:
        """A task has begun on a worker; one that is begun anew elsewhere has all its time again."""
        with self._lock:
            self._begun[number] = (worker, self.clock())

    def end(self, number: int) -> float | None:
        """A task has ended; returns its seconds, or None if nobody said that it had begun."""
        with self._lock:
            begun = self._begun.pop(number, None)
        return None if begun is None else self.clock() - begun[1]

    def overdue(self, numbers: Collection[int], limit: float) -> list[tuple[int, str, float]]:
        """Tasks that run for longer than they may: number, worker and seconds of each."""
        with self._lock:
            running = {number: self._begun[number] for number in numbers if number in self._begun}
        now = self.clock()
        return [(number, where, now - since) for number, (where, since) in running.items() if now - since > limit]

    def keep(self, workers: Collection[str]) -> None:
        """Forget what runs on workers that are gone: it waits to be begun elsewhere."""
        with self._lock:
            self._begun = {number: each for number, each in self._begun.items() if each[0] in workers}
