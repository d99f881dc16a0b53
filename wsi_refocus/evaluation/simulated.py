"""Simulated acquisitions of held-out images as cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from wsi_refocus.errors import UsageError
from wsi_refocus.evaluation.case import Case
from wsi_refocus.methods import ShotGeometry
from wsi_refocus.optics.scanner import PLANAR, TwoShots, draw_acquisition, scan
from wsi_refocus.optics.specimen import draw_section, faded, specimen_of
from wsi_refocus.training.manifest import Entry, random_part

FIELD = 256
"""Edge of a simulated field in pixels."""
MARGIN = 32
"""Pixels a side that are simulated besides."""
BORDER = 16
"""Pixels a side of a field that are not measured."""
PAPER_DRIFTS_UM = tuple(np.arange(-3, 3.1, 0.5).tolist())
"""The paper's grid of drifts."""
PAPER_OFFSET_UM = 0.5
UNIFORM_DRIFT_UM = 3.0
"""Largest drift of those that are drawn evenly."""
FADE = 10
"""Pixels over which a simulated section ends in empty glass, within its margin."""

Drifts = Literal["occurring", "uniform"]


@dataclass(frozen=True, slots=True)
class Protocol:
    """How cases are simulated.

    Attributes
    ----------
    kind : str
        ``honest``: the drift is drawn from N(0, spread), as it occurs, so that no shot is the truth, and a plain
        average over cases is the average with those weights. ``uniform``: the same with drifts drawn evenly from
        ±`UNIFORM_DRIFT_UM`, so that large ones are as many as small ones. ``paper``: drifts on a grid of 0.5 µm and
        shots at ±0.5 µm, so that at a drift of ±0.5 µm one of the shots *is* the truth.
    simulation : str
        ``full``: everything is drawn from the ranges of `draw_acquisition`. ``planar``: a control, the paper's eq. 1
        for a flat section without phase, and one grey level of noise.
    offset_um : float
        ΔD.
    spread_um : float
        Standard deviation of the drift, where it is drawn as it occurs.
    seed : int
        Seed of everything random.
    """

    kind: Literal["honest", "uniform", "paper"] = "honest"
    simulation: Literal["full", "planar"] = "full"
    offset_um: float = 0.75
    spread_um: float = 1.0
    seed: int = 0


def entries_of(entries: Sequence[Entry], split: str) -> list[Entry]:
    """Images of one split.

    Raises
    ------
    UsageError
        If there are none.
    """
    chosen = [entry for entry in entries if entry.split == split]
    if not chosen:
        raise UsageError(f"the manifest has no images in the split {split!r}")
    return chosen


def simulated_case(entries: Sequence[Entry], protocol: Protocol, number: int) -> Case:
    """Simulate one case; images are taken in turns, and in the paper's protocol every image at all its drifts.

    Parameters
    ----------
    entries
        Images.
    protocol
        How.
    number
        Which of the cases; each has a seed of its own.
    """
    if protocol.kind == "paper":
        image, place = divmod(number, len(PAPER_DRIFTS_UM))
        entry = entries[image % len(entries)]
        generator = np.random.default_rng([protocol.seed, image])
        drift, offset = PAPER_DRIFTS_UM[place], PAPER_OFFSET_UM
    else:
        entry = entries[number % len(entries)]
        generator = np.random.default_rng([protocol.seed, number])
        even = protocol.kind == "uniform"
        drift, offset = drawn_drift(generator, None if even else protocol.spread_um), protocol.offset_um
    shots = _shots(entry, protocol.simulation, offset, drift, generator)
    if protocol.kind == "paper" and drift == PAPER_OFFSET_UM:
        shots = replace(shots, second=shots.truth)
    if protocol.kind == "paper" and drift == -PAPER_OFFSET_UM:
        shots = replace(shots, first=shots.truth)
    return case_of(entry, shots, offset, drift)


def drawn_drift(generator: np.random.Generator, spread_um: float | None) -> float:
    """Drift in µm from N(0, spread), or evenly from ±`UNIFORM_DRIFT_UM` if there is no spread."""
    if spread_um is None:
        return float(generator.uniform(-UNIFORM_DRIFT_UM, UNIFORM_DRIFT_UM))
    return float(generator.normal(0, spread_um))


def case_of(entry: Entry, shots: TwoShots, offset_um: float, drift_um: float) -> Case:
    """Simulated shots of an image as a case, with the offset that its metadata say."""
    return Case(
        name=entry.path.name,
        first=shots.first,
        second=shots.second,
        truth=shots.truth,
        shots=ShotGeometry(offset_um, entry.mpp),
        drift_um=drift_um,
    )


def _shots(entry: Entry, simulation: str, offset: float, drift: float, generator: np.random.Generator) -> TwoShots:
    part = random_part(entry.read(), FIELD + 2 * MARGIN, generator)
    if simulation == "planar":
        specimen = specimen_of(part, 0.0, 0.0)
        acquisition = PLANAR
    else:
        specimen = draw_section(part, entry.mpp, generator)
        acquisition = draw_acquisition(generator)
    acquisition = replace(acquisition, defocus_offset_um=offset, drift_um=drift)
    return scan(faded(specimen, FADE), entry.mpp, acquisition, generator, MARGIN)
