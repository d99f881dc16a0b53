"""Measuring many cases: what is measured is kept, so that an interruption loses nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandas as pd

from wsi_refocus.evaluation.case import Case, Score, score
from wsi_refocus.evaluation.simulated import Protocol, simulated_case
from wsi_refocus.evaluation.table import row_of
from wsi_refocus.methods import MethodSpec, make_method
from wsi_refocus.network.cost import Cost, cost_of
from wsi_refocus.optics.profile import profile_sha256
from wsi_refocus.training.manifest import Entry

Progress = Callable[[int], None]


def measure_stack(
    cases: Sequence[Case], methods: Sequence[MethodSpec], progress: Progress = lambda _: None
) -> pd.DataFrame:
    """Measure methods on cases that are at hand: one row a case."""
    rows = []
    for case in cases:
        rows.append(row_of(case, score(case, methods)))
        progress(1)
    return pd.DataFrame(rows)


def measure_simulated(
    entries: Sequence[Entry],
    protocol: Protocol,
    count: int,
    methods: Sequence[MethodSpec],
    border: int,
    journal: Path | None = None,
    workers: int = 1,
    progress: Progress = lambda _: None,
    resumed: Progress = lambda _: None,
) -> pd.DataFrame:
    """Measure methods on simulated cases.

    Parameters
    ----------
    entries
        Images.
    protocol
        How cases are simulated.
    count
        Number of cases.
    methods
        Methods of the registry.
    border
        Pixels a side that are not measured.
    journal
        File that scores are added to, and taken from where they are of the same images, protocol and methods.
    workers
        Processes that simulate; 0 for none but this one.
    progress
        Called with 1 for every case.
    resumed
        Called once, with the number of cases that the journal holds.
    """
    key = _digest(entries, protocol, methods, border)
    rows = _read(journal, key)
    resumed(sum(number < count for number in rows))
    missing = [number for number in range(count) if number not in rows]
    for number, case in zip(missing, _simulated(entries, protocol, missing, workers), strict=True):
        rows[number] = row_of(case, score(case, methods, border))
        if journal is not None:
            with journal.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": key, "number": number, "row": rows[number]}) + "\n")
        progress(1)
    return pd.DataFrame([rows[number] for number in range(count)])


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


def _digest(entries: Sequence[Entry], protocol: Protocol, methods: Sequence[MethodSpec], border: int) -> str:
    """Name of all that decides a score, and of the measures."""
    measures = [each.name for each in fields(Score)]
    named = [(spec.name, make_method(spec).checkpoint_sha256, profile_sha256(spec.profile)) for spec in methods]
    facts = repr(([(entry.path.name, entry.mpp) for entry in entries], protocol, named, border, measures))
    return hashlib.sha256(facts.encode()).hexdigest()[:16]


def _read(journal: Path | None, key: str) -> dict[int, dict[str, Any]]:
    """Rows of a journal, by number; a last line that was cut off is left out."""
    rows: dict[int, dict[str, Any]] = {}
    for line in journal.read_text(encoding="utf-8").splitlines() if journal and journal.exists() else ():
        try:
            kept = json.loads(line)
        except ValueError:
            continue
        if kept["key"] == key:
            rows[kept["number"]] = kept["row"]
    return rows
