"""Working through an archive: which slide is taken up when, and what becomes of those that fail."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from wsi_refocus.archive.claims import Claim, Claims
from wsi_refocus.archive.entry import Entry
from wsi_refocus.archive.ledger import State
from wsi_refocus.archive.work import StoppableEngine, StoppedError, Watched
from wsi_refocus.errors import (
    CheckpointError,
    ClusterLostError,
    NoSpaceError,
    OutputExistsError,
    RefocusError,
    UsageError,
)
from wsi_refocus.pipeline.engine import Engine
from wsi_refocus.pipeline.progress import Progress

logger = logging.getLogger(__name__)

POLL_SECONDS = 5.0
"""Seconds between two looks at slides that other processes have in hand."""
PARTING_SECONDS = 20.0
"""Seconds that slides in hand get to be released when the work is stopped."""

_FOR_GOOD = (UsageError, CheckpointError, OutputExistsError)
"""What another try a moment later would not change."""

Refocus = Callable[[Entry, Engine, Progress], dict[str, Any]]
"""Refocuses a slide with an engine, tells of its progress, and returns what the ledger is to keep."""


class Display(Protocol):
    """Receiver of an archive's progress."""

    def begin(self, total: int) -> None:
        """So many slides are to be done."""
        ...

    def slide(self, entry: Entry) -> Progress:
        """Work on a slide begins; returns the receiver of its progress."""
        ...

    def settled(self, entry: Entry, state: State, error: str | None) -> None:
        """There is nothing more to do for a slide, here and now."""
        ...


@dataclass(slots=True)
class _InHand:
    """A slide that a thread works on."""

    entry: Entry
    claim: Claim
    progress: Watched
    error: BaseException | None = None


class ArchiveRunner:
    """Works through slides until each is done, has failed for good, or is being done by somebody else.

    Each slide in hand has a thread that leads it; pixels are worked on by the engine's workers. As many slides are in
    hand as it takes to give every worker something to do, the largest first.

    Parameters
    ----------
    entries
        Slides, in the order in which they are taken up.
    claims
        Whose a slide is.
    start
        Starts the workers; called when there is work for them.
    refocus
        What is done with a slide.
    is_there
        Whether the output of a slide that is done is still there.
    display
        Who is told.
    in_flight
        Slides in hand at once; None for as many as it takes.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        claims: Claims,
        start: Callable[[], Engine],
        refocus: Refocus,
        is_there: Callable[[Entry], bool],
        display: Display,
        in_flight: int | None = None,
    ) -> None:
        self._waiting = deque(entries)
        self._elsewhere: deque[Entry] = deque()
        self._claims, self._start, self._refocus, self._is_there = claims, start, refocus, is_there
        self._engine: Engine | None = None
        self._display, self._in_flight = display, in_flight
        self._in_hand: list[_InHand] = []
        self._ended: queue.SimpleQueue[_InHand] = queue.SimpleQueue()
        self._stop = threading.Event()

    def run(self) -> None:
        """Work until nothing is left to do.

        Raises
        ------
        ClusterLostError
            If the workers are gone.
        NoSpaceError
            If a disk is full, which would fail all other slides, too.
        """
        self._display.begin(len(self._waiting))
        looked = time.monotonic()
        try:
            while self._waiting or self._in_hand or self._elsewhere:
                self._take_up()
                if self._in_hand:
                    with contextlib.suppress(queue.Empty):
                        self._settle(self._ended.get(timeout=POLL_SECONDS))
                elif self._elsewhere and not self._waiting:
                    time.sleep(min(POLL_SECONDS, 1.0))
                if self._elsewhere and time.monotonic() - looked > POLL_SECONDS:
                    looked = time.monotonic()
                    self._waiting.extend(self._elsewhere)
                    self._elsewhere.clear()
        finally:
            self._part()

    def _take_up(self) -> None:
        """Take up slides for as long as workers have nothing to do."""
        while self._waiting and self._has_room():
            entry = self._waiting.popleft()
            answer = self._claims.take(entry, self._is_there)
            if isinstance(answer, Claim):
                engine = self._engine = self._engine or self._start()
                work = _InHand(entry, answer, Watched(self._display.slide(entry)))
                self._in_hand.append(work)
                threading.Thread(target=self._lead, args=(work, engine), daemon=True, name=entry.key).start()
            elif answer == "running":
                self._elsewhere.append(entry)
            else:
                self._display.settled(entry, answer, self._claims.error(entry) if answer == "failed" else None)

    def _has_room(self) -> bool:
        if self._in_flight is not None:
            return len(self._in_hand) < self._in_flight
        slots = 1 if self._engine is None else max(1, self._engine.slots)
        return sum(work.progress.tasks_left for work in self._in_hand) < slots

    def _lead(self, work: _InHand, engine: Engine) -> None:
        """Do one slide; whatever goes wrong with it must not touch the others."""
        stoppable = StoppableEngine(engine, self._stop, lambda: work.claim.lost)
        try:
            result = self._refocus(work.entry, stoppable, work.progress)
            work.claim.end("done", result=result)
        except (StoppedError, ClusterLostError) as error:
            work.error = error
            if not work.claim.lost:
                work.claim.end("released", error=str(error))
        except RefocusError as error:
            work.error = error
            work.claim.end("released" if self._stop.is_set() else "failed", error=str(error), kind=type(error).__name__)
        except BaseException as error:
            work.error = error
            state: State = "released" if self._stop.is_set() else "failed"
            logger.debug("%s: unexpected", work.entry.key, exc_info=error)
            said = " ".join(f"unexpected {type(error).__name__}: {error}".split())
            work.claim.end(state, error=said, kind=type(error).__name__)
        finally:
            self._ended.put(work)

    def _settle(self, work: _InHand) -> None:
        self._in_hand.remove(work)
        error = work.error
        if isinstance(error, ClusterLostError | NoSpaceError):
            raise error
        if error is None:
            self._display.settled(work.entry, "done", None)
        elif isinstance(error, StoppedError):
            self._display.settled(work.entry, "released", str(error))
        elif not isinstance(error, _FOR_GOOD) and self._claims.may_try_again(work.entry):
            logger.warning("%s: failed, and is tried again later: %s", work.entry.key, error)
            self._waiting.append(work.entry)
        else:
            self._display.settled(work.entry, "failed", self._claims.error(work.entry))

    def _part(self) -> None:
        """Let go of the slides in hand, if there are any."""
        if not self._in_hand:
            return
        self._stop.set()
        until = time.monotonic() + PARTING_SECONDS
        while self._in_hand and time.monotonic() < until:
            with contextlib.suppress(queue.Empty):
                self._in_hand.remove(self._ended.get(timeout=max(0.0, until - time.monotonic())))
        for work in self._in_hand:
            work.claim.end("released", error="interrupted")
