"""Fitting optics and network to a scanner on one half of a focal stack, and measuring on the other half."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from wsi_refocus.evaluation.case import Case, restored
from wsi_refocus.evaluation.tuning import tune
from wsi_refocus.methods import MethodSpec, inversion_method, make_method
from wsi_refocus.network.checkpoint import checkpoint_sha256
from wsi_refocus.optics.fitting import Example, fit_optics
from wsi_refocus.optics.profile import OpticsProfile
from wsi_refocus.quality.fidelity import psnr
from wsi_refocus.restoration.mean import Mean

FIT_STEPS = 250
"""Evaluations of a fit; half a minute on one core."""
SHOT, MEAN = "better shot", "mean"
NOMINAL, FITTED = "joint, nominal optics", "joint, fitted optics"
BUNDLED, TUNED = "tsva-lite, bundled", "tsva-lite, tuned"
_FARTHEST_STEPS = 3


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What was measured on the held-out half of one case.

    Attributes
    ----------
    name : str
        The shots.
    psnr : Mapping of str to float
        In dB, by what was measured.
    """

    name: str
    psnr: Mapping[str, float]


def fit_scanner(
    cases: Sequence[Case], steps: int = FIT_STEPS, progress: Callable[[int], None] = lambda _: None
) -> OpticsProfile:
    """Fit the optics to the upper half of every case's field.

    Parameters
    ----------
    cases
        Pairs of planes of one stack.
    steps
        Most evaluations of the fit.
    progress
        Called with 1 for each of them.
    """
    upper = [_half(case, 0) for case in cases]
    examples = [Example(case.first, case.second, case.truth, heights_of(case)) for case in upper]
    return fit_optics(examples, cases[0].shots.mpp, steps, progress)


def tune_to_scanner(
    cases: Sequence[Case],
    profile: OpticsProfile,
    weights: Path,
    steps: int,
    progress: Callable[[int], None] = lambda _: None,
) -> OpticsProfile:
    """Tune the bundled network to the upper half of every case's field.

    Parameters
    ----------
    cases, profile
        Pairs of planes of one stack, and the optics fitted to them.
    weights
        Checkpoint to write.
    steps
        Optimiser steps.
    progress
        Called with 1 for each of them.

    Returns
    -------
    OpticsProfile
        The profile with the network.
    """
    path = tune([_half(case, 0) for case in cases], profile, weights, steps, progress)
    return replace(profile, weights=path.name, weights_sha256=checkpoint_sha256(path))


def measure(cases: Sequence[Case], profile: OpticsProfile, folder: Path) -> list[HeldOut]:
    """Measure on the lower half of every case's field, beside what needs no profile.

    Parameters
    ----------
    cases
        Pairs of planes of one stack.
    profile
        What was fitted to their upper halves.
    folder
        Where its weights lie, and where it is written for the measurement.
    """
    path = folder / "measured.json"
    profile.write(path)
    found = []
    for case in (_half(each, 1) for each in cases):
        images = {
            MEAN: Mean().restore(case.first, case.second),
            NOMINAL: _inverted(case, OpticsProfile()),
            FITTED: _inverted(case, profile),
            BUNDLED: restored(make_method(MethodSpec("tsva-lite", shots=case.shots)), case.first, case.second),
        }
        if profile.weights:
            spec = MethodSpec("tsva-lite", shots=case.shots, profile=str(path))
            images[TUNED] = restored(make_method(spec), case.first, case.second)
        shot = max(psnr(each, case.truth) for each in (case.first, case.second))
        found.append(HeldOut(case.name, {SHOT: shot} | {name: psnr(each, case.truth) for name, each in images.items()}))
    path.unlink()
    return found


def averages(held_out: Sequence[HeldOut]) -> dict[str, float]:
    """Average PSNR over the cases, by what was measured."""
    return {name: float(np.mean([each.psnr[name] for each in held_out])) for name in held_out[0].psnr}


def is_worth_it(held_out: Sequence[HeldOut], name: str) -> bool:
    """Whether something fitted is better on the held-out half, on average, than all that needs no profile."""
    found = averages(held_out)
    without = [found[each] for each in (NOMINAL, BUNDLED) if each in found]
    better = np.mean([max(each.psnr[SHOT], each.psnr[MEAN]) for each in held_out])
    return name in found and found[name] > max(*without, float(better))


def near_pairs(planes: int, truth: int) -> list[tuple[int, int]]:
    """Pairs to fit to: those with both shots at most three planes from the truth."""
    below = range(max(0, truth - _FARTHEST_STEPS), truth)
    above = range(truth + 1, min(planes, truth + _FARTHEST_STEPS + 1))
    return [(low, high) for low in below for high in above]


def heights_of(case: Case) -> tuple[float, float]:
    """Heights of the shots over the plane in focus, in µm."""
    return -case.drift_um - case.shots.offset_um, -case.drift_um + case.shots.offset_um


def _half(case: Case, number: int) -> Case:
    middle = case.truth.shape[0] // 2
    rows = slice(0, middle) if number == 0 else slice(middle, 2 * middle)
    return replace(case, first=case.first[rows], second=case.second[rows], truth=case.truth[rows])


def _inverted(case: Case, profile: OpticsProfile) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    method = inversion_method("joint", case.shots.mpp, [heights_of(case)], profile)
    return restored(method, case.first, case.second)
