"""Calibrating the bound of a network: simulated tiles of known error, some to learn from and some of other patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
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
"""Share of the groups of the ``train`` split that trainings are validated on; nothing is simulated of these."""
HELD_OUT_SHARE = 0.5
"""Share of the other groups that quantiles are taken from."""
_SEED = 11


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


def tiles_of(
    entries: list[Entry],
    count: int,
    spec: MethodSpec,
    journal: Journal,
    workers: int,
    progress: Progress,
    resumed: Progress,
) -> pd.DataFrame:
    """Features, errors and groups of simulated tiles.

    Parameters
    ----------
    entries
        All of a manifest; the images that trainings learn from are used.
    count
        Number of tiles.
    spec
        Method that refocuses.
    journal
        What was measured before.
    workers, progress, resumed
        As of `journaled`.

    Raises
    ------
    UsageError
        If there are too few groups.
    """
    usable, _ = training_entries(entries, VALIDATION_SHARE)
    facts = ("bound", [(entry.path.name, entry.mpp) for entry in usable])
    return journaled(partial(_tile, usable, spec), range(count), facts, journal, workers, progress, resumed)


def calibrated_bound(tiles: pd.DataFrame, entries: list[Entry], spec: MethodSpec) -> ErrorBound:
    """Fit a bound to tiles, some groups to learn from and others for the quantiles.

    Parameters
    ----------
    tiles
        Of `tiles_of`.
    entries
        All of the manifest.
    spec
        Method that refocused.

    Raises
    ------
    UsageError
        If there are too few groups.
    """
    usable, _ = training_entries(entries, VALIDATION_SHARE)
    held_out = tiles["group"].isin({entry.group for entry in training_entries(usable, HELD_OUT_SHARE)[1]})
    names = [name for name in tiles.columns if name not in (*TARGETS, "group", "drift_um")]
    parts = {"learned": tiles[~held_out], "held_out": tiles[held_out]}
    facts = {
        "checkpoint": weights_of(spec).name,
        "checkpoint_sha256": make_method(spec).checkpoint_sha256,
        "coverage": COVERAGE,
        "tile_px": FIELD,
        **{name: f"{len(part)} simulated tiles of {part['group'].nunique()} groups" for name, part in parts.items()},
    }
    return fit_bound(parts["learned"], parts["held_out"], names, facts)


def _tile(entries: list[Entry], spec: MethodSpec, number: int) -> Row:
    case, group = calibration_case(entries, _SEED, number)
    return {**features_row(case, spec, BORDER), "group": group, "drift_um": case.drift_um}
