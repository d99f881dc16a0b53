"""A batch system that ends a job gets what Ctrl-C gets: a command that leaves in good order."""

from __future__ import annotations

import signal
from types import FrameType


def take_termination_as_interrupt() -> None:
    """Let SIGTERM raise ``KeyboardInterrupt``, so that what cleans up after Ctrl-C cleans up after it too."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
