"""How a run tells what it is doing; the command line and Python callers show it as they like."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receiver of a run's progress, one stage after another."""

    def start(self, stage: str, total: int, unit: str) -> None:
        """A stage of ``total`` pieces of work begins."""
        ...

    def advance(self, done: int) -> None:
        """So many more pieces of the stage are done."""
        ...

    def stop(self) -> None:
        """The stage is over."""
        ...


class Silence:
    """Progress that nobody sees."""

    def start(self, stage: str, total: int, unit: str) -> None:
        """Say nothing."""

    def advance(self, done: int) -> None:
        """Say nothing."""

    def stop(self) -> None:
        """Say nothing."""
