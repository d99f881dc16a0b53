"""Calibrating the bound of a network: simulated tiles of known error, some to learn from and some of other patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from wsi_refocus.evaluation.case import Case
from wsi_refocus.evaluation.journal import Journal, Row
from wsi_refocus.evaluation.journaled import Progress, journaled
from wsi_refocus.evaluation.judged import features_row
from wsi_refocus.evaluation.simulated import BORDER, FADE, FIELD, MARGIN, case_of, drawn_drift
from wsi_refocus.methods import MethodSpec, make_method, weights_of
from wsi_refocus.optics.scanner import draw_acquisition, scan
from wsi_refocus.optics.specimen import draw_lenses, draw_section, draw_smear, faded
from wsi_refocus.training.manifest import Entry, random_part, training_entries
from wsi_refocus.trust.bound import TARGETS, ErrorBound
from wsi_refocus.trust.fitting import COVERAGE, fit_bound

SMEARS = 0.2
"""Share of the tiles that are drawn smears."""
USUAL_OFFSET_UM = 0.75
"""ΔD of half of the tiles; of the others it is drawn."""
VALIDATION_SHARE = 0.1
"""Share of the groups of the ``train`` split that quantiles are taken from: those that trainings are validated on."""
_SEEDS = {"learned": 11, "held out": 12}


@dataclass(frozen=True, slots=True)
class Part:
    """Tiles of one part of the groups.

    Attributes
    ----------
    name : str
        ``learned`` or ``held out``.
    entries : sequence of Entry
        Images.
    count : int
        Tiles.
    """

    name: str
    entries: Sequence[Entry]
    count: int


def calibration_case(entries: Sequence[Entry], seed: int, number: int) -> tuple[Case, str]:
    """Simulate one tile; half of the drifts are drawn as they occur, and half evenly from ±3 µm.

    Parameters
    ----------
    entries
        Images, taken in turns.
    seed, number
        Which tile.

    Returns
    -------
    case : Case
        Of `FIELD` × `FIELD` pixels.
    group : str
        Patient or case of the image.
    """
    entry = entries[number % len(entries)]
    generator = np.random.default_rng([seed, number])
    smear = bool(generator.random() < SMEARS)
    edge = FIELD + 2 * MARGIN
    if smear:
        entry = replace(entry, mpp=float(generator.uniform(0.2, 0.5)))
        specimen = (draw_lenses if generator.random() < 0.5 else draw_smear)(edge, entry.mpp, generator)
    else:
        specimen = draw_section(random_part(entry.read(), edge, generator), entry.mpp, generator)
    acquisition = draw_acquisition(generator, smear=smear)
    if generator.random() >= 0.5:
        acquisition = replace(acquisition, defocus_offset_um=USUAL_OFFSET_UM)
    acquisition = replace(acquisition, drift_um=drawn_drift(generator, 1.0 if generator.random() < 0.5 else None))
    shots = scan(faded(specimen, FADE), entry.mpp, acquisition, generator, MARGIN)
    return case_of(entry, shots, acquisition.defocus_offset_um, acquisition.drift_um), entry.group


def parts_of(entries: list[Entry], learned: int, held_out: int) -> tuple[Part, Part]:
    """Part the ``train`` split by group, as trainings do.

    Raises
    ------
    UsageError
        If there are too few groups.
    """
    kept, others = training_entries(entries, VALIDATION_SHARE)
    return Part("learned", kept, learned), Part("held out", others, held_out)


def tiles_of(
    part: Part, spec: MethodSpec, journal: Journal, workers: int, progress: Progress, resumed: Progress
) -> pd.DataFrame:
    """Features, errors and groups of the tiles of a part.

    Parameters
    ----------
    part
        What is simulated.
    spec
        Method that refocuses.
    journal
        What was measured before.
    workers, progress, resumed
        As of `journaled`.
    """
    make = partial(_tile, list(part.entries), _SEEDS[part.name], spec)
    facts = ("bound", part.name, [(entry.path.name, entry.mpp) for entry in part.entries])
    return journaled(make, range(part.count), facts, journal, workers, progress, resumed)


def calibrated_bound(learned: pd.DataFrame, held_out: pd.DataFrame, spec: MethodSpec) -> ErrorBound:
    """Fit a bound to tiles of `tiles_of`."""
    names = [name for name in learned.columns if name not in (*TARGETS, "group", "drift_um")]
    facts = {
        "checkpoint": weights_of(spec).name,
        "checkpoint_sha256": make_method(spec).checkpoint_sha256,
        "coverage": COVERAGE,
        "tiles": f"{len(learned)} simulated tiles of {FIELD} × {FIELD} px to learn from",
        "held_out": f"{len(held_out)} tiles of {held_out['group'].nunique()} other groups for the quantiles",
    }
    return fit_bound(learned, held_out, names, facts)


def _tile(entries: list[Entry], seed: int, spec: MethodSpec, number: int) -> Row:
    case, group = calibration_case(entries, seed, number)
    return {**features_row(case, spec, BORDER), "group": group, "drift_um": case.drift_um}
