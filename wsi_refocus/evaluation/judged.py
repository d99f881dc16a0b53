"""Cases with a known truth, judged without it: what is believed, and what was right."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import lru_cache

import numpy as np

from wsi_refocus.evaluation.case import Case, Pixels, restored
from wsi_refocus.evaluation.journal import Row
from wsi_refocus.geometry import Region
from wsi_refocus.methods import Method, MethodSpec, make_method
from wsi_refocus.quality.fidelity import psnr
from wsi_refocus.quality.focus import brenner_gradient
from wsi_refocus.restoration.mean import Mean
from wsi_refocus.trust.disagreement import Surroundings
from wsi_refocus.trust.judge import Judge, Judgement, TrustSpec

LEAST_ERROR_DB = 60.0
"""PSNR that counts as no error."""


def refocused(case: Case, spec: MethodSpec) -> Pixels:
    """What a method makes of a case."""
    method = _method(replace(spec, shots=case.shots))
    swapped = not method.by_height and _second_is_sharper(case, Region(0, 0, *case.truth.shape[:2]))
    return restored(method, *((case.second, case.first) if swapped else (case.first, case.second)))


def judgement_of(
    case: Case, output: Pixels, spec: MethodSpec, trust: TrustSpec, tile: Region | None = None
) -> Judgement:
    """Judge what a method made of a case, or of one tile of it.

    Parameters
    ----------
    case
        The shots.
    output
        All that the method made of them.
    spec, trust
        The method, and how it is judged.
    tile
        Part that is judged; None for all.
    """
    place = tile or Region(0, 0, *case.truth.shape[:2])
    around = Surroundings(case.first, case.second, place, _second_is_sharper(case, place))
    return _judge(trust, replace(spec, shots=case.shots)).judge(around, output[place.slices])


def row_of(case: Case, output: Pixels, judgement: Judgement, tile: Region | None = None, border: int = 0) -> Row:
    """What was believed of a tile, and what is true of it, as one row of a table.

    Parameters
    ----------
    case, output, judgement, tile
        As of `judgement_of`.
    border
        Pixels a side that are not compared with the truth.
    """
    whole = tile or Region(0, 0, *case.truth.shape[:2])
    place = whole.grown(-border).slices
    truth, made = case.truth[place], output[place]
    shots = (case.first[place], case.second[place])
    sharper = shots[_second_is_sharper(case, whole)]
    images = {"output": made, "sharper": sharper, "mean": Mean().restore(*shots)}
    nearness = {f"psnr_{name}": min(psnr(image, truth), LEAST_ERROR_DB) for name, image in images.items()}
    bounds = {f"{name}_of_bound": value for name, value in asdict(judgement.bounds).items()}
    return {
        "case": case.name,
        "drift_um_true": case.drift_um,
        "mpp": case.shots.mpp,
        **nearness,
        **bounds,
        **judgement.evidence.numbers(),
        "brenner_output": brenner_gradient(made),
        "doubt": judgement.doubt,
        "kept": judgement.keeps_sharper("keep-sharper"),
    }


def features_row(case: Case, spec: MethodSpec, border: int) -> Row:
    """Features of a case, and the PSNR and gain that a bound has to predict, in dB."""
    output = refocused(case, spec)
    judgement = judgement_of(case, output, spec, TrustSpec(policy="flag"))
    row = row_of(case, output, judgement, border=border)
    made, sharper = (float(np.float64(row[f"psnr_{name}"])) for name in ("output", "sharper"))
    return {**judgement.evidence.features, "psnr": made, "gain": made - sharper}


def _second_is_sharper(case: Case, place: Region) -> bool:
    """Whether the second shot has the larger Brenner gradient in a place."""
    return brenner_gradient(case.second[place.slices]) > brenner_gradient(case.first[place.slices])


@lru_cache(maxsize=8)
def _method(spec: MethodSpec) -> Method:
    return make_method(spec)


@lru_cache(maxsize=8)
def _judge(trust: TrustSpec, spec: MethodSpec) -> Judge:
    return Judge(trust, spec, _method(spec))
