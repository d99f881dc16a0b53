"""What a command says while it works: a live bar on a terminal, plain lines elsewhere, nothing with --quiet."""

from __future__ import annotations

import logging
import sys
import time
import warnings
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

LINE_EVERY = 10.0
"""Seconds between two plain lines of one stage."""


def set_up_logging(verbose: int, quiet: bool, console: Console) -> None:
    """Send the package's log to standard error, at the level that was asked for.

    Parameters
    ----------
    verbose
        0 for what a user should know, 1 for what was decided, 2 for everything.
    quiet
        Whether only errors are shown.
    console
        Where live progress is drawn, so that lines do not break it.
    """
    level = logging.ERROR if quiet else (logging.INFO, logging.DEBUG)[min(verbose, 1)]
    handler: logging.Handler
    if console.is_terminal:
        handler = RichHandler(console=console, show_path=False, show_time=False, markup=False)
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    if verbose < 2:
        handler.addFilter(_is_ours)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("wsi_refocus").setLevel(level)
    if verbose < 2:
        warnings.simplefilter("ignore")


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether a record comes from this package; Dask tells much that no user can act on."""
    return record.name.startswith("wsi_refocus")


def bars(console: Console, description: str, *columns: str) -> Bar:
    """Bars on a terminal, with what is done, the time so far and the time left.

    Parameters
    ----------
    console
        Where they are drawn.
    description
        What stands before a bar.
    *columns
        What stands after it.
    """
    return Bar(
        TextColumn(description),
        BarColumn(),
        MofNCompleteColumn(),
        *map(TextColumn, columns),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )


class ConsoleProgress:
    """Progress of a run on standard error.

    Parameters
    ----------
    console
        Where to draw; plain lines are written if it is not a terminal.
    quiet
        Whether to say nothing.
    """

    def __init__(self, console: Console, quiet: bool) -> None:
        self._console = console
        self._quiet = quiet
        self._bar: Bar | None = None
        self._stage = self._unit = ""
        self._total = self._done = self._earlier = 0
        self._began = self._said = 0.0

    def start(self, stage: str, total: int, unit: str) -> None:
        """A stage begins."""
        self._stage, self._unit, self._total, self._done, self._earlier = stage, unit, total, 0, 0
        self._began = self._said = time.monotonic()
        if self._quiet:
            return
        if not self._console.is_terminal:
            self._say(f"{stage}: {total} {unit}")
            return
        self._bar = bars(self._console, "{task.description:<10}", unit, "{task.fields[rate]}")
        self._bar.add_task(stage, total=total, rate="")
        self._bar.start()

    def resume(self, done: int) -> None:
        """So many more pieces were done by an earlier run: they say nothing of how fast this one is."""
        self._done += done
        self._earlier += done
        if self._bar is not None:
            self._bar.reset(self._bar.task_ids[0], completed=self._done)

    def advance(self, done: int) -> None:
        """So many more pieces are done."""
        self._done += done
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], advance=done, rate=self._rate())
        elif not self._quiet and time.monotonic() - self._said > LINE_EVERY and self._done < self._total:
            self._said = time.monotonic()
            left = (self._said - self._began) / max(self._done - self._earlier, 1) * (self._total - self._done)
            counts = f"{self._done} of {self._total} {self._unit}"
            self._say(f"{self._stage}: {counts}, {self._rate()}, {left:.0f} s left")

    def stop(self) -> None:
        """The stage is over."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        if not self._quiet and self._done > self._earlier:
            seconds = time.monotonic() - self._began
            made = self._done - self._earlier
            self._say(f"{self._stage}: {made} {self._unit} in {seconds:.1f} s, {self._rate()}")

    def _rate(self) -> str:
        seconds = max(time.monotonic() - self._began, 1e-9)
        return f"{(self._done - self._earlier) / seconds:.1f} {self._unit}/s"

    def _say(self, line: str) -> None:
        self._console.print(line, highlight=False, soft_wrap=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
