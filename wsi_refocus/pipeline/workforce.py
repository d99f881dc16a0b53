"""How many processes and threads of this machine a run gets."""

from __future__ import annotations

import os
from dataclasses import dataclass

GPU_SLOTS = 3
"""Tasks that share one GPU: while one predicts, one reads and one writes."""


@dataclass(frozen=True, slots=True)
class Workforce:
    """How many processes and threads a run gets.

    Attributes
    ----------
    workers : int
        Processes; 0 for none but this one.
    threads : int
        Tasks at once in each.
    gpus : int
        GPUs, one a worker; 0 to work on the CPU.
    adapt : tuple of int or None
        Least and greatest number of processes, where it is to follow the work.
    """

    workers: int
    threads: int
    gpus: int = 0
    adapt: tuple[int, int] | None = None

    @classmethod
    def choose(cls, workers: int | None, threads: int | None, gpus: int, *, together: int = 2) -> Workforce:
        """Fill in what the user left open.

        On GPUs: one process each, with three tasks in hand. On the CPU: processes of up to ``together`` threads, one
        thread a core; each prediction is single-threaded, so that results depend on neither number. Networks, which
        leave the interpreter for seconds, share a process and its memory; other methods are faster each in its own.
        """
        if gpus:
            return cls(min(workers, gpus) if workers is not None else gpus, threads or GPU_SLOTS, gpus)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        if workers is None:
            workers = max(1, cores // (threads or together))
        return cls(workers, threads or max(1, cores // max(1, workers)), 0)
