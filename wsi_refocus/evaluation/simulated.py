"""Simulated acquisitions of held-out images as cases: the honest protocol, in which no shot is the truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from wsi_refocus.errors import UsageError
from wsi_refocus.evaluation.case import Case
from wsi_refocus.methods import ShotGeometry
from wsi_refocus.optics.scanner import draw_acquisition, scan
from wsi_refocus.optics.specimen import draw_section, faded
from wsi_refocus.training.manifest import Entry, random_part

FIELD = 256
"""Edge of a simulated field in pixels."""
MARGIN = 32
"""Pixels a side that are simulated besides."""
BORDER = 16
"""Pixels a side of a field that are not measured."""
_FADE = 10


def simulated_cases(entries: Sequence[Entry], split: str, count: int, offset_um: float, seed: int) -> Iterator[Case]:
    """Simulate two-shot acquisitions of the images of one split.

    The drift is drawn from N(0, 1 µm), as it occurs: a plain average over the cases is the average with those weights.
    Everything else is drawn from the ranges of `draw_acquisition`.

    Parameters
    ----------
    entries
        All of a manifest.
    split
        Which split to take.
    count
        Number of cases; images are taken in turns.
    offset_um
        ΔD in µm.
    seed
        Seed of everything random.

    Raises
    ------
    UsageError
        If the split is empty.
    """
    chosen = [entry for entry in entries if entry.split == split]
    if not chosen:
        raise UsageError(f"the manifest has no images in the split {split!r}")
    for number in range(count):
        generator = np.random.default_rng([seed, number])
        entry = chosen[number % len(chosen)]
        part = random_part(entry.read(), FIELD + 2 * MARGIN, generator)
        specimen = draw_section(part, entry.mpp, generator)
        acquisition = replace(
            draw_acquisition(generator), defocus_offset_um=offset_um, drift_um=float(generator.normal(0, 1))
        )
        shots = scan(faded(specimen, _FADE), entry.mpp, acquisition, generator, MARGIN)
        yield Case(
            name=entry.path.name,
            first=shots.first,
            second=shots.second,
            truth=shots.truth,
            shots=ShotGeometry(offset_um, entry.mpp),
            drift_um=acquisition.drift_um,
        )
