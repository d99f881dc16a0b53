"""Pairs of cases that differ by one small nucleus, and whether an image shows it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from wsi_refocus.errors import UsageError
from wsi_refocus.evaluation.case import Case, Pixels
from wsi_refocus.evaluation.nuclei import Nucleus, draw_nucleus, find_nucleus
from wsi_refocus.evaluation.simulated import BORDER, FADE, FIELD, MARGIN, Drifts, case_of, drawn_drift
from wsi_refocus.geometry import Region
from wsi_refocus.optics.scanner import draw_acquisition, scan
from wsi_refocus.optics.specimen import Specimen, draw_section, faded
from wsi_refocus.training.manifest import Entry, random_part

Kind = Literal["planted", "erased"]

KINDS: tuple[Kind, ...] = ("planted", "erased")
SHOWN = 0.5
"""Value of `appears` above which a nucleus is there: the image is nearer to the truth with it."""

_PARTS = 12
_AROUND_UM = 1.5


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """Two cases of one section, one acquisition and one noise, which differ by one nucleus.

    Attributes
    ----------
    with_, without : Case
        With the nucleus, and without it.
    place : Region
        Rectangle around the nucleus in the pixels of the cases: all of it in focus, but not all that a blur spreads.
    centre : tuple of float
        Middle (y, x) of the nucleus in pixels.
    radius_px : float
        Half of its diameter.
    kind : str
        ``planted``: without it is the image, with it one with a drawn nucleus. ``erased``: with it is the image,
        without it one in which tissue from around was put in place of a real nucleus.
    """

    with_: Case
    without: Case
    place: Region
    centre: tuple[float, float]
    radius_px: float
    kind: Kind

    def appears(self, output: Pixels) -> float:
        """`appears` of what a method makes of either case."""
        return appears(output, self.with_.truth, self.without.truth, self.place)


def appears(output: Pixels, truth_with: Pixels, truth_without: Pixels, place: Region) -> float:
    """How much of a nucleus an image shows: 0 for what the truth without it shows, 1 for the truth with it.

    It is ⟨o − t₀, t₁ − t₀⟩ / ‖t₁ − t₀‖² over the place, the share of the difference of the truths that is in the image.
    ‖o − t₁‖ < ‖o − t₀‖ exactly if it is above ½: so above `SHOWN` the image is nearer to the truth with the nucleus. An
    output of the shots with the nucleus that is below has lost it; one of the shots without it that is above has
    invented it.

    Parameters
    ----------
    output
        RGB of shape (height, width, 3).
    truth_with, truth_without
        The truths t₁ and t₀, of the same shape.
    place
        What is looked at.

    Raises
    ------
    ValueError
        If the truths do not differ there.
    """
    image, present, absent = (each[place.slices].astype(np.float64) for each in (output, truth_with, truth_without))
    difference = present - absent
    energy = float((difference**2).sum())
    if energy == 0:
        raise ValueError("the truths do not differ at that place, so there is nothing to look for")
    return float(((image - absent) * difference).sum() / energy)


def transmitted(output_with: Pixels, output_without: Pixels, pair: Counterfactual) -> float:
    """Share of the nucleus that a method passes on: ⟨o₁ − o₀, t₁ − t₀⟩ / ‖t₁ − t₀‖² at its place.

    It is the difference of `appears` of both outputs: 1 if the outputs differ as the truths do, 0 if the method makes
    the same of both.

    Parameters
    ----------
    output_with, output_without
        What a method makes of `Counterfactual.with_` and of `Counterfactual.without`, shape (height, width, 3).
    pair
        The cases.
    """
    return pair.appears(output_with) - pair.appears(output_without)


def counterfactual_pair(
    entries: Sequence[Entry],
    number: int,
    seed: int = 0,
    kind: Kind = "planted",
    spread_um: float = 1.0,
    drifts: Drifts = "occurring",
    offset_um: float = 0.75,
) -> Counterfactual:
    """Simulate a section with and without a small nucleus; images are taken in turns.

    Where an image offers no place, or no nucleus that stands alone, other parts of it and then other images are taken.

    Parameters
    ----------
    entries
        Images.
    number
        Which of the pairs; each has a seed of its own.
    seed
        Seed of everything random.
    kind
        How they come to differ.
    spread_um
        Standard deviation of the drift, where it is drawn as it occurs.
    drifts
        ``occurring``: from N(0, spread). ``uniform``: evenly from ±3 µm.
    offset_um
        ΔD.

    Raises
    ------
    UsageError
        If no image offers one.
    """
    generator = np.random.default_rng([seed, number, 2 + KINDS.index(kind)])
    acquisition = draw_acquisition(generator)
    drift = drawn_drift(generator, spread_um if drifts == "occurring" else None)
    acquisition = replace(acquisition, defocus_offset_um=offset_um, drift_um=drift)
    entry, section, nucleus = _section_and_nucleus(entries, number, kind, generator)
    other = _changed(section, nucleus, 1 if kind == "planted" else -1)
    with_, without = (other, section) if kind == "planted" else (section, other)
    noise = int(generator.integers(2**31))
    cases = [
        case_of(entry, scan(each, entry.mpp, acquisition, np.random.default_rng(noise), MARGIN), offset_um, drift)
        for each in (with_, without)
    ]
    centre = nucleus.y - MARGIN, nucleus.x - MARGIN
    return Counterfactual(cases[0], cases[1], _place_of(nucleus, entry.mpp), centre, nucleus.radius_px, kind)


def _place_of(nucleus: Nucleus, mpp: float) -> Region:
    rows, columns = np.nonzero(nucleus.change.any(axis=0))
    extent = Region.between(int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1)
    return extent.grown(math.ceil(_AROUND_UM / mpp)).shifted(-MARGIN, -MARGIN).intersection(Region(0, 0, FIELD, FIELD))


def _section_and_nucleus(
    entries: Sequence[Entry], number: int, kind: Kind, generator: np.random.Generator
) -> tuple[Entry, Specimen, Nucleus]:
    make = draw_nucleus if kind == "planted" else find_nucleus
    for attempt in range(_PARTS * len(entries)):
        entry = entries[(number + attempt // _PARTS) % len(entries)]
        part = random_part(entry.read(), FIELD + 2 * MARGIN, generator)
        section = faded(draw_section(part, entry.mpp, generator), FADE)
        nucleus = make(section.density, entry.mpp, MARGIN + BORDER, generator)
        if nucleus is not None:
            return entry, section, nucleus
    raise UsageError("no image has a nucleus that stands alone, or a place for one; take images with nuclei")


def _changed(section: Specimen, nucleus: Nucleus, sign: int) -> Specimen:
    """Section with or without a nucleus, whose phase follows its density as elsewhere in the section."""
    mean = section.density.mean(axis=0)
    spread = mean - mean.mean()
    per_density = float((spread * section.phase).sum() / max(float((spread**2).sum()), 1e-6))
    density: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = section.density + np.float32(sign) * nucleus.change
    phase = section.phase + np.float32(sign * per_density) * nucleus.change.mean(axis=0)
    return Specimen(density, phase.astype(np.float32))
