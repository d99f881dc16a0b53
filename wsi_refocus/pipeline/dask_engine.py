"""Tasks on a Dask cluster: a bounded window of them, tried again where a worker died, hung or left."""

from __future__ import annotations

import contextlib
import itertools
import logging
import queue
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from wsi_refocus import __version__
from wsi_refocus.errors import ClusterLostError, RefocusError
from wsi_refocus.pipeline.engine import Outcome, is_fatal
from wsi_refocus.pipeline.roster import Roster, Supply
from wsi_refocus.pipeline.task import OtherVersionError, Stamp, run_stamped
from wsi_refocus.pipeline.watchdog import TimeLimit, Watch

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")

TICK_SECONDS = 1.0
"""Seconds between two looks at workers and at tasks that run for too long."""
RESTART_SECONDS = 60.0
"""Seconds that a worker gets to start anew."""


class WorkerDiedError(RefocusError):
    """A task whose workers died on it."""


class HungTaskError(RefocusError):
    """A task that ran for longer than it may."""


class DaskEngine:
    """A Dask cluster. Tasks carry coordinates only, and a bounded window of them is submitted.

    Several threads may let it run their tasks at once.

    Parameters
    ----------
    client
        Client of the cluster.
    supply
        Where its workers come from.
    task_seconds
        Time after which a task is taken to hang; None to go by the others.
    """

    def __init__(self, client: Any, supply: Supply, task_seconds: float | None = None) -> None:
        self.client = client
        self.roster = Roster(client, supply)
        self.watch = Watch()
        self.task_seconds = task_seconds
        self.topic = f"wsi-refocus-{uuid.uuid4().hex}"
        self.numbers = itertools.count()
        self._warm: dict[str, Any] = {}
        self._warming: tuple[Callable[..., object], tuple[object, ...]] | None = None
        self._lock = threading.Lock()
        client.subscribe_topic(self.topic, lambda event: self.watch.begin(*event[1]))

    @property
    def slots(self) -> int:
        """Tasks that run at once, as of now."""
        return self.roster.slots

    @property
    def threads(self) -> int:
        """Tasks that run at once in one process."""
        return self.roster.threads

    def run(
        self, function: Callable[..., Result], items: Iterable[Item], shared: tuple[Any, ...], retries: int
    ) -> Iterator[Outcome[Item, Result]]:
        """Call ``function(*shared, item)`` for every item and yield outcomes as they come.

        Raises
        ------
        ClusterLostError
            If the scheduler is gone, workers do not come, or have another version of the package.
        """
        return _Run(self, function, shared, retries, items).outcomes()

    def warm_up(self, function: Callable[..., object], *arguments: object) -> None:
        """Begin to call ``function(*arguments)`` once in every worker, also in those that come later."""
        self._warming = (function, arguments)
        self.attend()

    def attend(self) -> None:
        """Look who is there: make ready who is new, and forget who is gone."""
        workers = self.roster.look()
        self.watch.keep(workers)
        if self._warming is None or workers.keys() == self._warm.keys():
            return
        function, arguments = self._warming
        with self._lock:
            for gone in self._warm.keys() - workers.keys():
                self._warm.pop(gone).release()
            for new in workers.keys() - self._warm.keys():
                self._warm[new] = self.client.submit(function, *arguments, pure=False, workers=[new])

    def restart(self, worker: str) -> bool:
        """Start the process of a worker anew; False where nobody can."""
        if not self.roster.has_nanny(worker):
            return False
        with contextlib.suppress(TimeoutError, OSError, ValueError, KeyError):
            self.client.restart_workers([worker], timeout=RESTART_SECONDS, raise_for_error=False)
        return True


@dataclass(frozen=True, slots=True)
class _Task(Generic[Item]):
    """A try that was submitted."""

    item: Item
    tries: int
    number: int


class _Run(Generic[Item, Result]):
    """The tasks of one caller."""

    def __init__(
        self,
        engine: DaskEngine,
        function: Callable[..., Result],
        shared: tuple[Any, ...],
        retries: int,
        items: Iterable[Item],
    ) -> None:
        self._engine, self._function, self._shared, self._retries = engine, function, shared, retries
        self._todo = deque((item, 1) for item in items)
        self._running: dict[Any, _Task[Item]] = {}
        self._ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._limit = TimeLimit(engine.task_seconds)

    def outcomes(self) -> Iterator[Outcome[Item, Result]]:
        """Submit and gather until nothing is left."""
        looked = time.monotonic()
        try:
            while self._todo or self._running:
                self._engine.attend()
                self._submit()
                with contextlib.suppress(queue.Empty):
                    future = self._ended.get(timeout=TICK_SECONDS)
                    if future in self._running:
                        yield from self._gather(future)
                if time.monotonic() - looked > TICK_SECONDS:
                    looked = time.monotonic()
                    yield from self._end_hung()
        finally:
            if self._running and self._engine.client.status == "running":
                with contextlib.suppress(OSError, TimeoutError):
                    self._engine.client.cancel(list(self._running))

    def _submit(self) -> None:
        window = self._engine.roster.window
        resources = {"GPU": 1} if self._engine.roster.gpus else None
        while self._todo and len(self._running) < window:
            item, tries = self._todo.popleft()
            task = _Task(item, tries, next(self._engine.numbers))
            stamp = Stamp(self._engine.topic, task.number)
            future = self._engine.client.submit(
                run_stamped, stamp, self._function, *self._shared, item, pure=False, resources=resources,
                key=f"{self._function.__name__}-{self._engine.topic}-{task.number}",
            )  # fmt: skip
            self._running[future] = task
            future.add_done_callback(self._ended.put)

    def _gather(self, future: Any) -> Iterator[Outcome[Item, Result]]:
        task = self._running.pop(future)
        seconds = self._engine.watch.end(task.number)
        try:
            error = future.exception()
            result = None if error is not None or future.cancelled() else future.result()
        except (OSError, TimeoutError, RuntimeError, AttributeError) as lost:
            raise self._engine.roster.lost() from lost
        if future.cancelled():
            if self._engine.client.status != "running" or _lost_with_scheduler(future):
                raise self._engine.roster.lost()
            error = WorkerDiedError("the task was cancelled on the cluster, and not by this program")
        if error is None:
            self._limit.finished(seconds)
        future.release()
        yield from self._settle(task, result, _understood(error))

    def _settle(
        self, task: _Task[Item], result: Result | None, error: BaseException | None
    ) -> Iterator[Outcome[Item, Result]]:
        if error is not None and task.tries <= self._retries and not is_fatal(error):
            logger.debug("%s: try %d failed: %s", task.item, task.tries, error)
            self._todo.append((task.item, task.tries + 1))
        else:
            yield Outcome(task.item, result, error, task.tries)

    def _end_hung(self) -> Iterator[Outcome[Item, Result]]:
        """End tasks that run for too long, together with the processes that they run in."""
        futures = {task.number: future for future, task in self._running.items()}
        for number, worker, seconds in self._engine.watch.overdue(futures, self._limit.seconds):
            future = futures[number]
            task = self._running.pop(future)
            self._engine.watch.end(number)
            self._engine.client.cancel([future])
            hung = HungTaskError(f"ran for {seconds:.0f} s and was taken to hang; --shard-timeout sets the limit")
            if self._engine.restart(worker):
                logger.warning("%s on %s %s; its worker was started anew", task.item, worker, hung)
                yield from self._settle(task, None, hung)
            else:  # it may still write, so nobody else must
                logger.error(
                    "%s on %s %s; its worker cannot be started anew (it has no nanny)", task.item, worker, hung
                )
                yield Outcome(task.item, None, hung, task.tries)


def _lost_with_scheduler(future: Any) -> bool:
    """Whether a future was cancelled because the scheduler went, though another one may be there by now."""
    from distributed.client import FutureCancelledError

    try:
        future.result()
    except FutureCancelledError as error:
        return bool(error.reason == "scheduler-connection-lost")
    return False


def _understood(error: BaseException | None) -> BaseException | None:
    """Put what Dask says about workers into words that help.

    Raises
    ------
    ClusterLostError
        If a worker has no package, or another version of it.
    """
    from distributed import KilledWorker

    if isinstance(error, OtherVersionError) or (
        isinstance(error, ModuleNotFoundError) and (error.name or "").startswith("wsi_refocus")
    ):
        raise ClusterLostError(
            f"a worker has joined that has not the same wsi-refocus as this program, {__version__} ({error}); remove "
            "it or install the same version there, and run the same command again"
        )
    if isinstance(error, KilledWorker):
        return WorkerDiedError(
            f"its worker died {error.allowed_failures + 1} times (the last was {error.last_worker.address}); that is "
            "mostly for want of memory: give workers more, or fewer --threads"
        )
    return error
