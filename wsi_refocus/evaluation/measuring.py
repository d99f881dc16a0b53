"""Measuring many cases, only those that a journal does not hold yet."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import pandas as pd

from wsi_refocus.evaluation.case import Case, score
from wsi_refocus.evaluation.journal import Journal
from wsi_refocus.evaluation.simulated import Protocol, simulated_case
from wsi_refocus.evaluation.table import row_of
from wsi_refocus.methods import MethodSpec, make_method
from wsi_refocus.network.cost import Cost, cost_of
from wsi_refocus.slide.fingerprint import fingerprint
from wsi_refocus.training.manifest import Entry

Progress = Callable[[int], None]


def measure_stack(
    cases: Sequence[Case],
    journal: Journal,
    progress: Progress = lambda _: None,
    resumed: Progress = lambda _: None,
) -> pd.DataFrame:
    """Measure methods on cases that are at hand: one row a case.

    Parameters
    ----------
    cases
        Pairs of planes of one field.
    journal
        The methods, and what was measured before.
    progress
        Called with 1 for every case that is measured.
    resumed
        Called once, with the number of cases that the journal holds.
    """
    keys = [journal.key(_facts_of(case)) for case in cases]
    resumed(sum(key in journal for key in keys))
    for key, case in zip(keys, cases, strict=True):
        if key not in journal:
            journal.add(key, row_of(case, score(case, journal.methods)))
            progress(1)
    return pd.DataFrame([journal[key] for key in keys])


def measure_simulated(
    entries: Sequence[Entry],
    protocol: Protocol,
    count: int,
    journal: Journal,
    border: int,
    workers: int = 1,
    progress: Progress = lambda _: None,
    resumed: Progress = lambda _: None,
) -> pd.DataFrame:
    """Measure methods on simulated cases: one row a case.

    Parameters
    ----------
    entries
        Images.
    protocol
        How cases are simulated.
    count
        Number of cases.
    journal
        The methods, and what was measured before.
    border
        Pixels a side that are not measured.
    workers
        Processes that simulate; 0 for none but this one.
    progress
        Called with 1 for every case that is measured.
    resumed
        Called once, with the number of cases that the journal holds.

    Raises
    ------
    SlideError
        If an image cannot be read.
    """
    images = [(entry.path.name, entry.mpp, fingerprint(str(entry.path))) for entry in entries]
    keys = [journal.key((images, protocol, border, number)) for number in range(count)]
    missing = [number for number, key in enumerate(keys) if key not in journal]
    resumed(count - len(missing))
    for number, case in zip(missing, _simulated(entries, protocol, missing, workers), strict=True):
        journal.add(keys[number], row_of(case, score(case, journal.methods, border)))
        progress(1)
    return pd.DataFrame([journal[key] for key in keys])


def costs_of(methods: Sequence[MethodSpec]) -> dict[str, Cost]:
    """Parameters and multiplications of those methods that have a network."""
    made = {spec.name: make_method(spec) for spec in methods}
    return {name: cost_of(method.network) for name, method in made.items() if hasattr(method, "network")}


def _simulated(entries: Sequence[Entry], protocol: Protocol, numbers: Sequence[int], workers: int) -> Iterator[Case]:
    make = partial(simulated_case, list(entries), protocol)
    if not workers or not numbers:
        yield from map(make, numbers)
        return
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        for start in range(0, len(numbers), 4 * workers):  # as many as are waited for may lie in memory
            yield from pool.map(make, numbers[start : start + 4 * workers])


def _facts_of(case: Case) -> tuple[object, ...]:
    """All that decides a case's row: its pixels, and what is known of it."""
    digest = hashlib.sha256()
    for image in (case.first, case.second, case.truth):
        digest.update(image.tobytes())
    return case.name, case.truth.shape, digest.hexdigest(), case.shots, case.drift_um, case.steps
