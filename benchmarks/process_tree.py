"""Running a command and watching its time and the memory of all its processes."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

EVERY = 0.1
"""Seconds between two looks at the memory."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command took, and what it said.

    Attributes
    ----------
    seconds : float
        Wall time.
    peak_mb : float
        Largest sum, over the processes that lived at once, of resident memory in MiB; pages that several of them
        share count for each.
    output : str
        Standard output.
    """

    seconds: float
    peak_mb: float
    output: str


def cost_of(command: Sequence[str | Path]) -> Cost:
    """Run a command to its end.

    Raises
    ------
    RuntimeError
        If it fails.
    """
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as errors:
        began = time.perf_counter()
        process = subprocess.Popen([str(part) for part in command], stdout=said, stderr=errors)
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, _resident_mb(process.pid))
            time.sleep(EVERY)
        seconds = time.perf_counter() - began
        said.seek(0)
        errors.seek(0)
        if process.returncode:
            raise RuntimeError(f"{command[0]} ended with {process.returncode}: {errors.read().decode()[-500:]}")
        return Cost(seconds, peak, said.read().decode())


def _resident_mb(number: int) -> float:
    """Resident memory of a process and its descendants; 0 for what ends while it is looked at."""
    total = 0
    try:
        top = psutil.Process(number)
        processes = [top, *top.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    for process in processes:
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total / 2**20
