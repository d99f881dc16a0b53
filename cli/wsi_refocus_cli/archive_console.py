"""What `batch` says while it works: bars for the archive and for each slide in hand, or plain lines."""

from __future__ import annotations

import threading
import time
from collections import Counter
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import Progress as Bars
from rich.progress import TaskID

from wsi_refocus.archive.entry import Entry
from wsi_refocus.archive.ledger import State
from wsi_refocus_cli.console import bars

LINE_EVERY = 30.0
"""Seconds between two plain lines about the archive."""


class ArchiveConsole:
    """Progress of an archive on standard error.

    Parameters
    ----------
    console
        Where to draw; plain lines are written if it is not a terminal.
    quiet
        Whether to say nothing.
    """

    def __init__(self, console: Console, quiet: bool) -> None:
        self._console, self._quiet = console, quiet
        self._bars: Bars | None = None
        self._archive: TaskID | None = None
        self._total = 0
        self._states: Counter[str] = Counter()
        self._began = self._said = time.monotonic()
        self._lock = threading.Lock()

    def begin(self, total: int) -> None:
        """So many slides are to be done."""
        self._total = total
        self._began = self._said = time.monotonic()
        if self._quiet:
            return
        if not self._console.is_terminal:
            self._say(f"archive: {total} slides")
            return
        self._bars = bars(self._console, "{task.description:<32.32}", "{task.fields[unit]}")
        self._archive = self._bars.add_task("archive", total=total, unit="slides")
        self._bars.start()

    def slide(self, entry: Entry) -> SlideLine:
        """Work on a slide begins; returns the receiver of its progress."""
        if self._bars is None and not self._quiet:
            self._say(f"{entry.key}: begun")
        return SlideLine(entry.key, self._bars, self)

    def settled(self, entry: Entry, state: State, error: str | None) -> None:
        """There is nothing more to do for a slide, here and now."""
        with self._lock:
            self._states[state] += 1
        if self._bars is not None and self._archive is not None:
            self._bars.advance(self._archive)
        if not self._quiet:
            done = f"{self._states.total()} of {self._total}"
            self._say(f"{entry.key}: {state}{f': {error}' if error else ''} ({done})")

    def tell(self) -> None:
        """Say how far the archive is, if it was not said for a while and there are no bars."""
        if self._quiet or self._bars is not None:
            return
        with self._lock:
            now = time.monotonic()
            if now - self._said < LINE_EVERY:
                return
            self._said = now
        ended = self._states.total()
        left = f", {(now - self._began) / ended * (self._total - ended):.0f} s left" if ended else ""
        self._say(f"archive: {ended} of {self._total} slides, {self._states['failed']} failed{left}")

    def _say(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()


class SlideLine:
    """Progress of one slide among others.

    Parameters
    ----------
    name
        What the slide is called.
    bars
        Where its bar is drawn; None to draw none.
    archive
        What is told that time goes by.
    """

    def __init__(self, name: str, bars: Bars | None, archive: ArchiveConsole) -> None:
        self._name, self._bars, self._archive = name, bars, archive
        self._task: TaskID | None = None

    def start(self, stage: str, total: int, unit: str) -> None:
        """A stage begins."""
        if self._bars is not None:
            self._task = self._bars.add_task(f"  {stage} {self._name}", total=total, unit=unit)

    def advance(self, done: int) -> None:
        """So many more pieces are done."""
        if self._bars is not None and self._task is not None:
            self._bars.advance(self._task, done)
        self._archive.tell()

    def stop(self) -> None:
        """The stage is over."""
        if self._bars is not None and self._task is not None:
            self._bars.remove_task(self._task)
            self._task = None
