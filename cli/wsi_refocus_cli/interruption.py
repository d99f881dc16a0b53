"""A batch system that ends a job gets what Ctrl-C gets: a command that leaves in good order."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from types import FrameType

_LATER = 0.05
"""Seconds after which an interrupt is tried again that came at a bad moment."""


def take_termination_as_interrupt() -> None:
    """Let SIGTERM raise ``KeyboardInterrupt``, so that what cleans up after Ctrl-C cleans up after it too.

    Neither does so in the middle of an import: the lock of a module that is left so is never given back, and other
    threads that import wait for it for ever. Nor while a pool starts a thread, of which it would not know then, so
    that the thread is never told to end, and the interpreter waits for it for ever.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    while frame is not None:
        code = frame.f_code
        if code is ThreadPoolExecutor.submit.__code__ or code.co_filename.startswith("<frozen importlib"):
            again = threading.Timer(_LATER, os.kill, (os.getpid(), number))
            again.daemon = True
            again.start()
            return
        frame = frame.f_back
    raise KeyboardInterrupt
