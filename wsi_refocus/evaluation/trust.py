"""Does the evidence work? Tiles by simulation, under a shifted scanner, with and without a nucleus, and bait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pandas as pd

from wsi_refocus.errors import UsageError
from wsi_refocus.evaluation.bait import KINDS as BAIT
from wsi_refocus.evaluation.bait import bait
from wsi_refocus.evaluation.case import Case
from wsi_refocus.evaluation.counterfactual import KINDS as CHANGES
from wsi_refocus.evaluation.counterfactual import counterfactual_pair
from wsi_refocus.evaluation.journal import Journal, Row
from wsi_refocus.evaluation.journaled import Progress, journaled
from wsi_refocus.evaluation.judged import judgement_of, refocused, row_of
from wsi_refocus.evaluation.shifted import shifted_case
from wsi_refocus.evaluation.simulated import BORDER, Protocol, simulated_case
from wsi_refocus.geometry import Region
from wsi_refocus.methods import MethodSpec
from wsi_refocus.training.manifest import Entry
from wsi_refocus.trust.judge import TrustSpec

SCANNERS = ("usual", "shifted")
DRIFTS = ("occurring", "uniform")
TILE = 256
"""Edge in pixels of the tiles that a stack is cut into."""


@dataclass(frozen=True, slots=True)
class Job:
    """One thing to be judged.

    Attributes
    ----------
    part : str
        ``tiles``, ``counterfactual`` or ``bait``.
    kind : tuple of str
        Scanner and drifts; or what was changed; or the kind of bait.
    number : int
        Which one of them.
    """

    part: str
    kind: tuple[str, ...]
    number: int


def jobs_of(count: int) -> list[Job]:
    """All that is judged.

    Parameters
    ----------
    count
        Tiles of every scanner with drifts as they occur; others follow from it: half as many with even drifts, an
        eighth of every kind of bait, and a quarter of pairs with and without a nucleus of either kind.
    """
    tiles = [
        Job("tiles", (scanner, drifts), number)
        for scanner in SCANNERS
        for drifts in DRIFTS
        for number in range(count if drifts == "occurring" else count // 2)
    ]
    pairs = [Job("counterfactual", (kind,), number) for kind in CHANGES for number in range(count // 4)]
    return tiles + pairs + [Job("bait", (kind,), number) for kind in BAIT for number in range(count // 8)]


def judged_jobs(
    entries: Sequence[Entry],
    jobs: Sequence[Job],
    spec: MethodSpec,
    trust: TrustSpec,
    journal: Journal,
    seed: int,
    workers: int,
    progress: Progress,
    resumed: Progress,
) -> pd.DataFrame:
    """Judge simulated tiles: one row each, as of `row_of`, with the columns ``part`` and ``kind``.

    Parameters
    ----------
    entries
        Images.
    jobs
        What is judged.
    spec, trust
        The method, and how it is judged.
    journal
        What was measured before.
    seed
        Seed of everything random.
    workers, progress, resumed
        As of `journaled`.
    """
    images = [(entry.path.name, entry.mpp) for entry in entries]
    make = partial(_judged, list(entries), spec, trust, seed)
    return journaled(make, jobs, ("trust", images, trust, seed), journal, workers, progress, resumed)


def judged_stack(cases: Sequence[Case], spec: MethodSpec, trust: TrustSpec) -> pd.DataFrame:
    """Judge the tiles of pairs of planes of a real stack: one row a tile.

    Parameters
    ----------
    cases
        Pairs of planes of one field.
    spec, trust
        The method, and how it is judged.

    Raises
    ------
    UsageError
        If a field is smaller than a tile.
    """
    rows = []
    for case in cases:
        if min(case.truth.shape[:2]) < TILE:
            raise UsageError(f"{case.name}: its field is smaller than a tile of {TILE} pixels; name a larger --region")
        output = refocused(case, spec)
        height, width = case.truth.shape[:2]
        for y in range(0, height - TILE + 1, TILE):
            for x in range(0, width - TILE + 1, TILE):
                tile = Region(y, x, TILE, TILE)
                rows.append(row_of(case, output, judgement_of(case, output, spec, trust, tile), tile))
    return pd.DataFrame(rows)


def _judged(entries: list[Entry], spec: MethodSpec, trust: TrustSpec, seed: int, job: Job) -> Row:
    known: dict[str, Any] = {"part": job.part, "kind": " ".join(job.kind)}
    if job.part == "counterfactual":
        return known | _of_pair(entries, spec, trust, seed, job)
    case = bait(entries, job.kind[0], job.number, seed).case if job.part == "bait" else _tile(entries, seed, job)
    output = refocused(case, spec)
    return known | row_of(case, output, judgement_of(case, output, spec, trust), border=BORDER)


def _tile(entries: list[Entry], seed: int, job: Job) -> Case:
    scanner, drifts = job.kind
    if scanner == "shifted":
        return shifted_case(entries, job.number, seed, drifts="uniform" if drifts == "uniform" else "occurring")
    protocol = Protocol(seed=seed)
    return simulated_case(entries, replace(protocol, kind="uniform") if drifts == "uniform" else protocol, job.number)


def _of_pair(entries: list[Entry], spec: MethodSpec, trust: TrustSpec, seed: int, job: Job) -> Row:
    """How much of a nucleus is shown by the outputs with and without it, and whether they are believed."""
    pair = counterfactual_pair(entries, job.number, seed, "planted" if job.kind[0] == "planted" else "erased")
    row: Row = {"drift_um_true": pair.with_.drift_um}
    for name, case in (("with", pair.with_), ("without", pair.without)):
        output = refocused(case, spec)
        row[f"shown_{name}"] = pair.appears(output)
        row[f"kept_{name}"] = judgement_of(case, output, spec, trust).keeps_sharper("keep-sharper")
    return row
