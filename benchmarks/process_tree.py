"""Running a command and watching its time and the memory of all its processes."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

EVERY = 0.05
"""Seconds between two looks at the memory."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command took: seconds of wall time, and the largest sum of resident memory in MiB."""

    seconds: float
    peak_mb: float


def cost_of(command: Sequence[str | Path]) -> Cost:
    """Run a command to its end.

    Raises
    ------
    RuntimeError
        If it fails.
    """
    began = time.perf_counter()
    with subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, _resident_mb(process.pid))
            time.sleep(EVERY)
        seconds = time.perf_counter() - began
        errors = b"" if process.stderr is None else process.stderr.read()
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}: {errors.decode()[-500:]}")
    return Cost(seconds, peak)


def _resident_mb(number: int) -> float:
    try:
        top = psutil.Process(number)
        return sum(each.memory_info().rss for each in (top, *top.children(recursive=True))) / 2**20
    except psutil.NoSuchProcess:
        return 0.0
