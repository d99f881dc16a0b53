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
from wsi_refocus.quality.second_opinion import Expected
from wsi_refocus.trust.disagreement import Opinion

BANDS = ((0, 1), (1, 2), (2, 4), (4, 7), (7, 11), (11, 16), (16, RINGS))
"""Rings that are taken together."""
SCALES = (0.8, 1.0, 1.25)
"""Defocus that is assumed over the known one: apertures and stages differ."""
_LEAST_POWER = 1e-9

Real = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found out about a tile.

    Attributes
    ----------
    spectra : CrossSpectra
        Of the output and both shots.
    fit : Reblurred
        Of the output, blurred again.
    focus : ShotFocus
        Of the shots alone.
    height_um : float
        Height of the middle of the shots above the section, as the network sees it; NaN if it does not.
    expected : tuple of Expected
        What wave optics expects of the output, for defocus of `SCALES` times the known one.
    from_sharper, from_mean, of_shots : float
        RMS differences of the output from the sharper shot and from the mean of both, and of the shots; grey levels.
    patchiness : float
        Standard deviation of the output's squared difference from the sharper shot over squares of 8 × 8 pixels.
    stains : tuple of float
        Changes of haematoxylin and eosin.
    turned, network : Opinion
        What the method makes of turned shots, and what another network says.
    """

    spectra: CrossSpectra
    fit: Reblurred
    focus: ShotFocus
    height_um: float
    expected: tuple[Expected, ...]
    from_sharper: float
    from_mean: float
    of_shots: float
    patchiness: float
    stains: tuple[float, float]
    turned: Opinion
    network: Opinion


def features_of(found: Findings, shots: ShotGeometry, *, second_is_sharper: bool) -> dict[str, float]:
    """Features of one tile by name, most of them logarithms; NaN where something was not measured.

    Parameters
    ----------
    found
        What was found out.
    shots
        How the shots were taken.
    second_is_sharper
        Which shot is Y1. Features go by sharper and other, not by first and second.
    """
    features = {
        "height": abs(found.height_um),
        "height nearest": abs(found.height_um) - shots.offset_um,
        "from sharper": math.log(found.from_sharper + 0.1),
        "from mean": math.log(found.from_mean + 0.1),
        "shots": math.log(found.of_shots + 0.1),
        "patchiness": math.log(found.patchiness + 0.1),
        "turns": math.log(found.turned.difference + 0.05),
        "turns gain": found.turned.gain_db,
        "turns agreement": found.turned.agreement,
        "networks": math.log(found.network.difference + 0.05),
        "networks gain": found.network.gain_db,
        "networks agreement": found.network.agreement,
        "haematoxylin": found.stains[0],
        "eosin": found.stains[1],
        "mpp": shots.mpp,
        "offset": shots.offset_um,
    }
    for scale, expected in zip(SCALES, found.expected, strict=True):
        features[f"expected gain {scale}"] = expected.gain_db
        features[f"expected error {scale}"] = math.log(expected.error)
        features[f"expected agreement {scale}"] = expected.agreement
    return (
        features
        | _of_fits(found.fit, found.focus, shots, second_is_sharper)
        | _of_spectra(found.spectra, second_is_sharper)
    )


def _of_fits(fit: Reblurred, focus: ShotFocus, shots: ShotGeometry, second_is_sharper: bool) -> dict[str, float]:
    sharper, other = (1, 0) if second_is_sharper else (0, 1)
    return {
        "chi2 sharper": math.log(fit.chi2[sharper] + 0.01),
        "chi2 other": math.log(fit.chi2[other] + 0.01),
        "z sharper": abs(fit.z_um[sharper]),
        "z other": abs(fit.z_um[other]),
        "drift": abs(sum(fit.z_um)) / 2,
        "spacing": math.log(abs(fit.z_um[1] - fit.z_um[0]) / (2 * shots.offset_um) + 0.1),
        "tension": fit.tension,
        "phase": fit.phase_per_density,
        "unvouched": fit.unvouched,
        "shots drift": abs(focus.drift_um),
        "shots nearest": abs(abs(focus.drift_um) - shots.offset_um),
        "shots spread": focus.spread_um,
        "shots misfit": math.log(focus.misfit + 0.01),
        "shots order": focus.order,
        "shots noise": focus.noise_in_common,
    }


def _of_spectra(spectra: CrossSpectra, second_is_sharper: bool) -> dict[str, float]:
    sharper, other = (1, 0) if second_is_sharper else (0, 1)
    moments, counts = spectra.moments, spectra.counts
    features = {
        "shift sharper": float(np.hypot(*spectra.shift_px[sharper])),
        "shift other": float(np.hypot(*spectra.shift_px[other])),
        "gain sharper": abs(math.log(spectra.brightness[sharper])),
        "gain other": abs(math.log(spectra.brightness[other])),
    }
    step = moments[0, 0] - 2 * moments[0, sharper + 1] + moments[sharper + 1, sharper + 1]
    features |= {
        f"change {n}": math.log(max(_in_band(step, counts, band), 0) + _LEAST_POWER) for n, band in enumerate(BANDS)
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


def shots_in_common(spectra: CrossSpectra) -> float:
    """Largest coherence of both shots in a band of low frequencies, without the very lowest."""
    moments, counts = spectra.moments, spectra.counts

    def coherence(band: tuple[int, int]) -> float:
        first, second, both = (_in_band(moments[one, two], counts, band) for one, two in ((1, 1), (2, 2), (1, 2)))
        return both / math.sqrt(first * second + _LEAST_POWER**2)

    return max(map(coherence, BANDS[1:4]))


def _in_band(values: Real, counts: Real, band: tuple[int, int]) -> float:
    rings = slice(*band)
    return float(np.average(values[rings], weights=counts[rings]))
