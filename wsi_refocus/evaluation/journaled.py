"""Rows of many cases, made by several processes, of which only those are made that a journal does not hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import pandas as pd

from wsi_refocus.evaluation.journal import Journal, Row

Progress = Callable[[int], None]


def journaled(
    make: Callable[[Any], Row],
    jobs: Sequence[Any],
    facts: object,
    journal: Journal,
    workers: int,
    progress: Progress,
    resumed: Progress,
) -> pd.DataFrame:
    """Make one row for every job.

    Parameters
    ----------
    make
        Makes a row; sent to other processes.
    jobs
        What it is called with; ``repr`` tells them apart.
    facts
        All that decides the rows besides jobs and the journal's methods; ``repr`` tells it apart.
    journal
        What was made before.
    workers
        Processes; 0 for none but this one.
    progress
        Called with 1 for every row that is made.
    resumed
        Called once, with the number of rows that the journal holds.
    """
    keys = [journal.key((facts, job)) for job in jobs]
    missing = [number for number, key in enumerate(keys) if key not in journal]
    resumed(len(jobs) - len(missing))
    for number, row in zip(missing, _made(make, [jobs[number] for number in missing], workers), strict=True):
        journal.add(keys[number], row)
        progress(1)
    return pd.DataFrame([journal[key] for key in keys])


def _made(make: Callable[[Any], Row], jobs: Sequence[Any], workers: int) -> Iterator[Row]:
    if not workers or not jobs:
        yield from map(make, jobs)
        return
    pool = ProcessPoolExecutor(workers, get_context("spawn"))
    try:
        yield from pool.map(make, jobs)
    finally:
        pool.shutdown(cancel_futures=True)  # of an interrupted evaluation only what is in hand is finished
