"""Whose a slide is: taken up by one process, kept by a heartbeat, taken over when the heart stops."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from wsi_refocus.archive.entry import Entry
from wsi_refocus.archive.ledger import Ledger, State, Try
from wsi_refocus.errors import OutputError

logger = logging.getLogger(__name__)

BEAT_SECONDS = 5.0
"""Time between two signs of life."""
LEASE_SECONDS = 120.0
"""Time without any after which a slide is taken over from another machine."""


class Claim:
    """The right to work on a slide, kept alive by a thread until it is ended.

    Parameters
    ----------
    ledger, key, number
        The try that was begun.
    beat_seconds
        Time between two signs of life.
    """

    def __init__(self, ledger: Ledger, key: str, number: int, beat_seconds: float = BEAT_SECONDS) -> None:
        self._ledger, self.key, self.number = ledger, key, number
        self._over = threading.Event()
        self._began = time.monotonic()
        self._beats = threading.Thread(target=self._beat, args=(beat_seconds,), daemon=True, name=f"beat {key}")
        self._beats.start()

    @property
    def lost(self) -> bool:
        """Whether somebody took the slide over: this process was taken for dead, and must not go on."""
        return self._ledger.record(self.key).tries[-1].number != self.number

    def end(self, state: State, **facts: Any) -> None:
        """End the try; see `Ledger.end`."""
        self._over.set()
        self._beats.join()
        seconds = round(time.monotonic() - self._began, 1)
        self._ledger.end(self.key, self.number, state, seconds=seconds, ended=_now(), **facts)

    def _beat(self, every: float) -> None:
        count = 0
        while True:
            with contextlib.suppress(OutputError):  # a full disk must not stop the work that may free it
                self._ledger.beat(self.key, self.number, count)
            count += 1
            if self._over.wait(every):
                return


class Claims:
    """Takes up slides of a ledger for this process.

    Whether a process on this machine lives, the system knows. Of another machine only its beats are seen: that
    they change, never what clock they were written by, so that clocks may differ or jump.

    Parameters
    ----------
    ledger
        The ledger.
    retries
        How often a slide that failed is tried again.
    asked
        What is to be done with a slide: where that or the slide has changed, earlier tries do not count.
    lease_seconds
        Time without a beat after which a slide is taken over.
    beat_seconds
        Time between two signs of life of this process.
    clock
        Seconds that only ever grow.
    """

    def __init__(
        self,
        ledger: Ledger,
        retries: int,
        asked: Callable[[Entry], object] = lambda entry: None,
        *,
        lease_seconds: float = LEASE_SECONDS,
        beat_seconds: float = BEAT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger, self._retries, self._asked = ledger, retries, asked
        self._lease, self._beat_seconds, self._clock = lease_seconds, beat_seconds, clock
        self._seen: dict[tuple[str, int], tuple[str, float]] = {}
        self._me = _this_process()

    def take(self, entry: Entry, is_there: Callable[[Entry], bool]) -> Claim | State:
        """Take up a slide, or say why not.

        Parameters
        ----------
        entry
            The slide.
        is_there
            Whether its output still is where it was written; asked where the ledger says that it is done.

        Returns
        -------
        Claim or str
            The claim; ``running`` if another process is at work on it, ``failed`` if it has failed often enough,
            ``done`` if it is done.
        """
        record = self._ledger.record(entry.key)
        last = record.tries[-1] if record.tries else None
        task = self._task(entry)
        if record.state == "done" and last is not None and last.holder.get("task") == task and is_there(entry):
            return "done"
        if record.failures(task) > self._retries:
            return "failed"
        if last is not None and last.end is None:
            if self._lives(entry.key, last):
                return "running"
            logger.warning("%s: taken over from process %s on %s, which is gone", entry.key, *_who(last))
        number = 1 if last is None else last.number + 1
        begun = self._ledger.begin(entry.key, number, self._me | {"task": task, "began": _now()})
        return Claim(self._ledger, entry.key, number, self._beat_seconds) if begun else "running"

    def may_try_again(self, entry: Entry) -> bool:
        """Whether a slide that failed has tries left."""
        return self._ledger.record(entry.key).failures(self._task(entry)) <= self._retries

    def error(self, entry: Entry) -> str | None:
        """Why the last try at a slide failed."""
        return self._ledger.record(entry.key).error

    def _task(self, entry: Entry) -> dict[str, Any]:
        """What is to be done with which slide, as a record holds it."""
        task: dict[str, Any] = json.loads(json.dumps({"files": source_state(entry), "asked": self._asked(entry)}))
        return task

    def _lives(self, key: str, held: Try) -> bool:
        """Whether the holder of a try is at work on it still."""
        if held.holder.get("machine") == self._me["machine"]:
            return _runs(held.holder)
        beat = self._ledger.last_beat(key, held.number)
        known, since = self._seen.get((key, held.number), (None, 0.0))
        if beat != known:
            self._seen[key, held.number] = (beat, self._clock())
            return True
        return self._clock() - since < self._lease


def source_state(entry: Entry) -> list[Any]:
    """What the files of a slide look like from outside, to notice when one was replaced: length and time of change.

    Files that are not there, and URLs, say nothing.
    """
    states: list[Any] = []
    for name in (entry.slide, entry.second):
        if name is not None:
            try:
                found = Path(name).stat()
                states.append([found.st_size, found.st_mtime_ns])
            except OSError:
                states.append(None)
    return states


def _who(held: Try) -> tuple[Any, Any]:
    return held.holder.get("process", "?"), held.holder.get("host", "?")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _this_process() -> dict[str, Any]:
    """Name this process so that another on the same machine can tell whether it still runs."""
    return {
        "machine": _machine(),
        "host": socket.gethostname(),
        "process": os.getpid(),
        "process_began": _start_of(os.getpid()),
    }


def _machine() -> str:
    """Name of a system in which process numbers mean the same: a start of a machine, and a container on it."""
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(parts)


def _runs(holder: Mapping[str, Any]) -> bool:
    try:
        number = int(holder["process"])
        return _start_of(number) == holder["process_began"] and psutil.Process(number).status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError, KeyError, TypeError, ValueError):
        return False


def _start_of(process: int) -> str:
    """When a process was started, so that another one that got its number is told from it."""
    stat = Path(f"/proc/{process}/stat")
    if stat.exists():  # ticks since the machine was started; clocks may be set
        return stat.read_text().rpartition(")")[2].split()[19]
    return str(psutil.Process(process).create_time())
