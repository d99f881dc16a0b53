"""Engines run tasks, a bounded number at a time, and try failed ones again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from wsi_refocus.errors import CheckpointError, OutputError

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Item, Result]):
    """What became of one task: a result, or the error after the last try."""

    item: Item
    result: Result | None
    error: BaseException | None
    tries: int


class Engine(Protocol):
    """Runs tasks, a bounded number at a time; several threads may let it run theirs at once."""

    @property
    def slots(self) -> int:
        """Tasks that run at once, as of now."""
        ...

    def run(
        self, function: Callable[..., Result], items: Iterable[Item], shared: tuple[Any, ...], retries: int
    ) -> Iterator[Outcome[Item, Result]]:
        """Call ``function(*shared, item)`` for every item and yield outcomes as they come.

        Failed tasks are tried again ``retries`` times, after all others. Where the iterator is closed early, tasks
        that have not begun are given up; those of other callers are not touched.

        Raises
        ------
        ClusterLostError
            If the workers are gone for good, or cannot be used.
        """
        ...

    @property
    def threads(self) -> int:
        """Tasks that run at once in one process."""
        ...

    def warm_up(self, function: Callable[..., object], *arguments: object) -> None:
        """Begin to call ``function(*arguments)`` once in every process that will run tasks, beside other work."""
        ...


class LocalEngine:
    """Threads of this process: no scheduler, nothing to start; for small slides and for debugging.

    A task that hangs cannot be ended here, nor can one that takes the process with it.
    """

    def __init__(self, threads: int) -> None:
        self.slots = self.threads = threads
        self._pool = ThreadPoolExecutor(threads, "task")

    def run(
        self, function: Callable[..., Result], items: Iterable[Item], shared: tuple[Any, ...], retries: int
    ) -> Iterator[Outcome[Item, Result]]:
        """Call ``function(*shared, item)`` for every item and yield outcomes as they come."""
        todo = deque((item, 1) for item in items)
        running: dict[Future[Result], tuple[Item, int]] = {}
        try:
            while todo or running:
                while todo and len(running) < self.slots:
                    item, tries = todo.popleft()
                    running[self._pool.submit(function, *shared, item)] = (item, tries)
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    item, tries = running.pop(future)
                    error = future.exception()
                    if error is not None and tries <= retries and not is_fatal(error):
                        todo.append((item, tries + 1))
                        continue
                    yield Outcome(item, None if error else future.result(), error, tries)
        finally:
            wait([future for future in running if not future.cancel()])

    def warm_up(self, function: Callable[..., object], *arguments: object) -> None:
        """Do nothing: there is no other process to make ready."""

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def is_fatal(error: BaseException) -> bool:
    """Whether another try is pointless because every task would fail alike."""
    return isinstance(error, CheckpointError | OutputError)
