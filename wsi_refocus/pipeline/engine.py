"""Engines run tasks, a bounded number at a time, and try failed ones again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from wsi_refocus.errors import CheckpointError, OutputError, UsageError

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
    """Runs tasks, a bounded number at a time."""

    @property
    def slots(self) -> int:
        """Tasks that run at once."""
        ...

    def run(
        self, function: Callable[..., Result], items: Iterable[Item], shared: tuple[Any, ...], retries: int
    ) -> Iterator[Outcome[Item, Result]]:
        """Call ``function(*shared, item)`` for every item and yield outcomes as they come.

        Failed tasks are tried again ``retries`` times, after all others.
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
    """Threads of this process: no scheduler, nothing to start; for small slides and for debugging."""

    def __init__(self, threads: int) -> None:
        self.slots = self.threads = threads

    def run(
        self, function: Callable[..., Result], items: Iterable[Item], shared: tuple[Any, ...], retries: int
    ) -> Iterator[Outcome[Item, Result]]:
        """Call ``function(*shared, item)`` for every item and yield outcomes as they come."""
        with ThreadPoolExecutor(self.slots) as pool:
            todo = deque((item, 1) for item in items)
            running: dict[Future[Result], tuple[Item, int]] = {}
            try:
                while todo or running:
                    while todo and len(running) < self.slots:
                        item, tries = todo.popleft()
                        running[pool.submit(function, *shared, item)] = (item, tries)
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        item, tries = running.pop(future)
                        error = future.exception()
                        if error is not None and tries <= retries and not _fatal(error):
                            todo.append((item, tries + 1))
                            continue
                        yield Outcome(item, None if error else future.result(), error, tries)
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def warm_up(self, function: Callable[..., object], *arguments: object) -> None:
        """Do nothing: there is no other process to make ready."""


class DaskEngine:
    """A Dask cluster. Tasks carry coordinates only, and a bounded window of them is submitted.

    Parameters
    ----------
    client
        Client of the cluster.
    resources
        Resources that each task takes from its worker.
    """

    def __init__(self, client: Any, resources: dict[str, float] | None = None) -> None:
        self.client = client
        self.resources = resources
        threads = client.nthreads()
        if not threads:
            raise UsageError("the Dask scheduler has no workers; start some and run again")
        self.slots = sum(threads.values())
        self.threads = min(threads.values())

    def run(
        self, function: Callable[..., Result], items: Iterable[Item], shared: tuple[Any, ...], retries: int
    ) -> Iterator[Outcome[Item, Result]]:
        """Call ``function(*shared, item)`` for every item and yield outcomes as they come."""
        from distributed import as_completed

        todo = deque((item, 1) for item in items)
        running: dict[Any, tuple[Item, int]] = {}

        def submit() -> Any:
            item, tries = todo.popleft()
            future = self.client.submit(function, *shared, item, pure=False, resources=self.resources)
            running[future] = (item, tries)
            return future

        window = [submit() for _ in range(min(len(todo), 2 * self.slots))]
        completed = as_completed(window, loop=self.client.loop)
        try:
            for future in completed:
                item, tries = running.pop(future)
                error = future.exception()
                if error is not None and tries <= retries and not _fatal(error):
                    todo.append((item, tries + 1))
                else:
                    yield Outcome(item, None if error else future.result(), error, tries)
                future.release()
                while todo and len(running) < 2 * self.slots:
                    completed.add(submit())
        finally:
            self.client.cancel(list(running))

    def warm_up(self, function: Callable[..., object], *arguments: object) -> None:
        """Begin to call ``function(*arguments)`` once in every worker, beside other tasks."""
        from distributed import fire_and_forget

        for worker in self.client.nthreads():
            fire_and_forget(self.client.submit(function, *arguments, pure=False, workers=[worker]))


def _fatal(error: BaseException) -> bool:
    """Whether another try is pointless because every task would fail alike."""
    return isinstance(error, CheckpointError | OutputError)
