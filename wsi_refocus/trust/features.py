"""The numbers that a tile's error is predicted from."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.methods import ShotGeometry
from wsi_refocus.quality.consistency import Reblurred
from wsi_refocus.quality.cross_spectra import RINGS, CrossSpectra
from wsi_refocus.quality.defocus import ShotFocus

BANDS = ((0, 1), (1, 2), (2, 4), (4, 7), (7, 11), (11, 16), (16, RINGS))
"""Rings that are taken together."""
_LEAST_POWER = 1e-9

Real = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Differences:
    """RMS differences of a tile in grey levels; NaN where not measured.

    Attributes
    ----------
    from_sharper, from_mean : float
        Of the output from the sharper shot, and from the mean of both.
    of_shots : float
        Of the shots from one another.
    of_turns, of_networks : float
        Of the output from a prediction of turned shots, and from another network's.
    """

    from_sharper: float
    from_mean: float
    of_shots: float
    of_turns: float
    of_networks: float


def features_of(
    spectra: CrossSpectra,
    fit: Reblurred,
    focus: ShotFocus,
    differences: Differences,
    stains: tuple[float, float],
    shots: ShotGeometry,
    height_um: float,
    *,
    second_is_sharper: bool,
) -> dict[str, float]:
    """Features of one tile by name, most of them logarithms; NaN where something was not measured.

    Parameters
    ----------
    spectra
        Of the output and both shots.
    fit
        Of the output, blurred again.
    focus
        Of the shots alone.
    differences
        In grey levels.
    stains
        Changes of haematoxylin and eosin.
    shots
        How the shots were taken.
    height_um
        Height of the middle of the shots above the section, as the network sees it.
    second_is_sharper
        Which shot is Y1. Features go by sharper and other, not by first and second.
    """
    sharper, other = (1, 0) if second_is_sharper else (0, 1)
    moments, counts = spectra.moments, spectra.counts
    features = {
        "chi2 sharper": math.log(fit.chi2[sharper] + 0.01),
        "chi2 other": math.log(fit.chi2[other] + 0.01),
        "z sharper": abs(fit.z_um[sharper]),
        "z other": abs(fit.z_um[other]),
        "drift": abs(sum(fit.z_um)) / 2,
        "spacing": math.log(abs(fit.z_um[1] - fit.z_um[0]) / (2 * shots.offset_um) + 0.1),
        "order": (fit.z_um[1] - fit.z_um[0]) / (2 * shots.offset_um),
        "phase": fit.phase_per_density,
        "shots drift": abs(focus.drift_um),
        "shots nearest": abs(abs(focus.drift_um) - shots.offset_um),
        "shots spread": focus.spread_um,
        "shots misfit": math.log(focus.misfit + 0.01),
        "shots order": focus.order,
        "shots noise": focus.noise_in_common,
        "unvouched": fit.unvouched,
        "height": abs(height_um),
        "height nearest": abs(height_um) - shots.offset_um,
        "from sharper": math.log(differences.from_sharper + 0.1),
        "from mean": math.log(differences.from_mean + 0.1),
        "shots": math.log(differences.of_shots + 0.1),
        "turns": math.log(differences.of_turns + 0.05),
        "networks": math.log(differences.of_networks + 0.05),
        "haematoxylin": stains[0],
        "eosin": stains[1],
        "shift sharper": float(np.hypot(*spectra.shift_px[sharper])),
        "shift other": float(np.hypot(*spectra.shift_px[other])),
        "gain sharper": abs(math.log(spectra.brightness[sharper])),
        "gain other": abs(math.log(spectra.brightness[other])),
        "mpp": shots.mpp,
        "offset": shots.offset_um,
    }
    powers = {
        name: [_in_band(moments[place, place], counts, band) for band in BANDS]
        for name, place in (("output", 0), ("sharper", sharper + 1), ("other", other + 1))
    }
    for name, place in (("output", 0), ("sharper", sharper + 1), ("other", other + 1)):
        features[f"noise {name}"] = math.log(spectra.noise[place, place] + _LEAST_POWER)
        features |= {f"power {name} {n}": math.log(each + _LEAST_POWER) for n, each in enumerate(powers[name])}
    for one, two, (name, another) in (
        (sharper + 1, other + 1, ("sharper", "other")),
        (0, sharper + 1, ("output", "sharper")),
        (0, other + 1, ("output", "other")),
    ):
        for number, band in enumerate(BANDS):
            energy = powers[name][number] * powers[another][number]
            common = _in_band(moments[one, two], counts, band)
            features[f"coherence {name} {another} {number}"] = common / math.sqrt(energy + _LEAST_POWER**2)
    return features


def _in_band(values: Real, counts: Real, band: tuple[int, int]) -> float:
    rings = slice(*band)
    return float(np.average(values[rings], weights=counts[rings]))
