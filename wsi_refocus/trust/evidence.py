"""What can be found out about a refocused tile without knowing the truth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.methods import Method, MethodSpec, is_trained, make_method
from wsi_refocus.network.precision import Precision
from wsi_refocus.quality.consistency import reblur
from wsi_refocus.quality.cross_spectra import cross_spectra
from wsi_refocus.quality.defocus import focus_of_shots
from wsi_refocus.quality.second_opinion import expected_of
from wsi_refocus.quality.stain import slow_stain_changes
from wsi_refocus.restoration.mean import Mean
from wsi_refocus.trust.choices import Uncertainty
from wsi_refocus.trust.disagreement import (
    TRANSPOSED,
    Opinion,
    Surroundings,
    full_disagreement,
    height_um,
    patchiness,
    rms,
    second_opinion,
)
from wsi_refocus.trust.features import SCALES, Findings, features_of, shots_in_common
from wsi_refocus.trust.reblurring import transfers_for

Pixels = NDArray[np.uint8]
COMPANIONS = {"tsva-lite": "tsva", "tsva": "unet", "unet": "tsva", "burst": "tsva"}
"""The other bundled network that is asked, by method."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Evidence of one tile; NaN where something could not be measured.

    Attributes
    ----------
    z_first_um, z_second_um : float
        Fitted heights of the two shots over focus.
    drift_um : float
        δ̂: height of the section above the middle of the shots; as the network sees it if it looks for it, or else as
        the blur of both shots shows it.
    spacing_um : float
        Fitted distance of the two shots.
    chi2_first, chi2_second : float
        Reduced χ² of the output, blurred again, against each shot.
    unvouched : float
        Share of the output's energy that stands above the noise in neither shot.
    disagreement, network_disagreement : float
        RMS difference in grey levels from predictions of turned shots, and from another network's.
    network_agreement : float
        How far the other network goes from the sharper shot in the direction of the output, over how far that went.
    haematoxylin_change, eosin_change : float
        Mean absolute change of the stains' optical density at low frequencies, against the sharper shot.
    change : float
        RMS difference in grey levels from the sharper shot.
    spacing_factor : float
        Factor between the fitted and the known distance of the shots, up or down: at least 1.
    spacing_tension : float
        How much worse the shots are explained by heights about as far apart as known than by any others.
    sharper_z_um : float
        Fitted distance of the sharper shot from focus.
    shots_in_common : float
        Coherence of the shots at low frequencies: 1 for one place, about 0 for two.
    noise_in_common : float
        Correlation of the shots' noise: 0 for two shots, 1 for the same one twice.
    features : mapping of str to float
        What the calibrated bound is computed from.
    """

    z_first_um: float
    z_second_um: float
    drift_um: float
    spacing_um: float
    chi2_first: float
    chi2_second: float
    unvouched: float
    disagreement: float
    network_disagreement: float
    network_agreement: float
    haematoxylin_change: float
    eosin_change: float
    change: float
    spacing_factor: float
    spacing_tension: float
    sharper_z_um: float
    shots_in_common: float
    noise_in_common: float
    features: Mapping[str, float] = field(repr=False)

    def numbers(self) -> dict[str, float]:
        """All of it by name, but the features."""
        return {each.name: float(getattr(self, each.name)) for each in fields(self) if each.name != "features"}


NO_EVIDENCE = Evidence(**{each.name: math.nan for each in fields(Evidence) if each.name != "features"}, features={})
"""Of a tile that nothing is known of."""


class Examiner:
    """Gathers the evidence of tiles; safe from several threads at once.

    Parameters
    ----------
    spec
        How to make the method: shots, profile and threads count here, too.
    method
        The method, made.
    uncertainty
        ``subset``: one square of every tile is predicted again, transposed and by another network; ``full``: the whole
        tile seven times besides, flipped and turned.
    """

    def __init__(self, spec: MethodSpec, method: Method, uncertainty: Uncertainty = "subset") -> None:
        self._spec = spec
        self._method = method if is_trained(spec.name) else None
        self._uncertainty = uncertainty
        self._transfers = transfers_for(spec.profile, spec.shots.mpp)
        self._companion = _companion(COMPANIONS.get(spec.name), spec.device, spec.threads, spec.precision)

    def examine(self, place: Surroundings, output: Pixels) -> Evidence:
        """Gather the evidence of one tile.

        Parameters
        ----------
        place
            Both shots around the tile.
        output
            What the method made of the tile, RGB of shape (height, width, 3).
        """
        found = self._found(place, output)
        fit, stains, height = found.fit, found.stains, found.height_um
        by_turns = found.turned.difference
        if self._uncertainty == "full" and self._method is not None:
            by_turns = full_disagreement(self._method, place, output)
        low, high = fit.z_um
        return Evidence(
            z_first_um=low,
            z_second_um=high,
            drift_um=found.focus.drift_um if math.isnan(height) else -height,
            spacing_um=high - low,
            chi2_first=fit.chi2[0],
            chi2_second=fit.chi2[1],
            unvouched=fit.unvouched,
            disagreement=by_turns,
            network_disagreement=found.network.difference,
            network_agreement=found.network.agreement,
            haematoxylin_change=stains[0],
            eosin_change=stains[1],
            change=found.from_sharper,
            spacing_factor=_factor((high - low) / (2 * self._spec.shots.offset_um)),
            spacing_tension=fit.tension,
            sharper_z_um=abs(fit.z_um[place.second_is_sharper]),
            shots_in_common=shots_in_common(found.spectra),
            noise_in_common=found.focus.noise_in_common,
            features=features_of(found, self._spec.shots, second_is_sharper=place.second_is_sharper),
        )

    def _found(self, place: Surroundings, output: Pixels) -> Findings:
        shots, sharper = self._spec.shots, place.sharper
        first, second = (shot[place.tile.slices] for shot in (place.first, place.second))
        spectra = cross_spectra(output, first, second)
        fit = reblur(spectra, self._transfers, 2 * shots.offset_um)
        focus = focus_of_shots(spectra, self._transfers, shots.offset_um)
        height = math.nan if self._method is None else height_um(self._method, place)
        middle = -focus.drift_um if math.isnan(height) else height
        heights = [tuple(scale * (middle + side * shots.offset_um) for side in (-1, 1)) for scale in SCALES]
        return Findings(
            spectra=spectra,
            fit=fit,
            focus=focus,
            height_um=height,
            expected=tuple(
                expected_of(spectra, self._transfers, (low, high), second_is_sharper=place.second_is_sharper)
                for low, high in heights
            ),
            from_sharper=rms(output, sharper),
            from_mean=rms(output, Mean().restore(first, second)),
            of_shots=rms(first, second),
            patchiness=patchiness(output, sharper),
            stains=slow_stain_changes(output, sharper),
            turned=Opinion() if self._method is None else second_opinion(self._method, place, output, TRANSPOSED),
            network=Opinion() if self._companion is None else second_opinion(self._companion, place, output, 0),
        )


def _factor(ratio: float) -> float:
    """Ratio or its inverse, whichever is larger, regardless of its sign."""
    return max(abs(ratio), 1 / max(abs(ratio), 1e-6))


@lru_cache(maxsize=4)
def _companion(name: str | None, device: str, threads: int, precision: Precision) -> Method | None:
    """The other network, ready; those that are asked do not depend on how the shots were taken.

    What it makes is only compared, so that a grey level more or less does not count.
    """
    if name is None:
        return None
    rough: Precision = "full" if precision == "full" else "half"
    return make_method(MethodSpec(name, device=device, threads=threads, precision=rough))
