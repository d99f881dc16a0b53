"""Peak memory of a run, summed over its processes."""

from __future__ import annotations

import os
import resource
import socket
import sys
from pathlib import Path


def process_name() -> str:
    """Host and number of this process."""
    return f"{socket.gethostname()}:{os.getpid()}"


def peak_rss_mb() -> float:
    """Largest resident memory of this process so far, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():
        # ru_maxrss also counts what the parent held when it forked
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


class PeakMemory:
    """Collects the peak of every process that took part.

    The sum of the peaks is an upper bound of the peak of the sum.
    """

    def __init__(self) -> None:
        self._peaks: dict[str, float] = {}

    def report(self, process: str, peak_mb: float) -> None:
        """Take note of what a process says of itself."""
        self._peaks[process] = max(peak_mb, self._peaks.get(process, 0.0))

    def total_mb(self) -> float:
        """Sum over all processes, this one included, in MiB."""
        self.report(process_name(), peak_rss_mb())
        return sum(self._peaks.values())
