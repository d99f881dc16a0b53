"""Fitting a scanner's optics on one half of a focal stack, and measuring what that brings on the other half."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from wsi_refocus.evaluation.case import Case, restored
from wsi_refocus.methods import inversion_method
from wsi_refocus.optics.fitting import Example, fit_optics
from wsi_refocus.optics.profile import OpticsProfile
from wsi_refocus.quality.fidelity import psnr
from wsi_refocus.restoration.mean import Mean

STEPS = 250
"""Evaluations of a fit; half a minute on one core."""
_FARTHEST_STEPS = 3


@dataclass(frozen=True, slots=True)
class HeldOut:
    """PSNR in dB on the held-out half, of one case.

    Attributes
    ----------
    name : str
        The shots.
    better_shot, mean, nominal, fitted : float
        Of the better shot, the mean of both, and the inversion with nominal and with fitted optics.
    """

    name: str
    better_shot: float
    mean: float
    nominal: float
    fitted: float


def calibrate(
    cases: Sequence[Case], steps: int = STEPS, progress: Callable[[int], None] = lambda _: None
) -> tuple[OpticsProfile, list[HeldOut]]:
    """Fit the optics to the upper half of every case's field, and measure on the lower half.

    Parameters
    ----------
    cases
        Pairs of planes of one stack.
    steps
        Most evaluations of the fit.
    progress
        Called with 1 for each of them.

    Returns
    -------
    profile : OpticsProfile
        With what was measured as its figures.
    held_out : list of HeldOut
        One a case.
    """
    upper = [_half(case, 0) for case in cases]
    lower = [_half(case, 1) for case in cases]
    mpp = cases[0].shots.mpp
    examples = [Example(case.first, case.second, case.truth, heights_of(case)) for case in upper]
    profile = fit_optics(examples, mpp, steps, progress)
    held_out = [_measured(case, profile) for case in lower]
    means = {name: float(np.mean([getattr(each, name) for each in held_out])) for name in HeldOut.__slots__[1:]}
    figures = {
        "mpp": mpp,
        "fitted_to": "upper half of the stack's field",
        "psnr_db_on_lower_half": {name: round(value, 3) for name, value in means.items()},
        "pairs": [case.name for case in cases],
    }
    return replace(profile, figures=figures), held_out


def near_pairs(planes: int, truth: int) -> list[tuple[int, int]]:
    """Pairs to fit to: those with both shots at most three planes from the truth."""
    below = range(max(0, truth - _FARTHEST_STEPS), truth)
    above = range(truth + 1, min(planes, truth + _FARTHEST_STEPS + 1))
    return [(low, high) for low in below for high in above]


def is_worth_it(held_out: Sequence[HeldOut]) -> bool:
    """Whether the fit is better on the held-out half, on average, than nominal optics and than no optics at all."""
    fitted = np.mean([each.fitted for each in held_out])
    return bool(
        fitted > np.mean([each.nominal for each in held_out])
        and fitted > np.mean([max(each.mean, each.better_shot) for each in held_out])
    )


def heights_of(case: Case) -> tuple[float, float]:
    """Heights of the shots over the plane in focus, in µm."""
    return -case.drift_um - case.shots.offset_um, -case.drift_um + case.shots.offset_um


def _half(case: Case, number: int) -> Case:
    middle = case.truth.shape[0] // 2
    rows = slice(0, middle) if number == 0 else slice(middle, 2 * middle)
    return replace(case, first=case.first[rows], second=case.second[rows], truth=case.truth[rows])


def _measured(case: Case, profile: OpticsProfile) -> HeldOut:
    shots = [case.first, case.second]
    mean = Mean().restore(case.first, case.second)
    inverted = [
        restored(inversion_method("joint", case.shots.mpp, [heights_of(case)], each), *shots)
        for each in (OpticsProfile(), profile)
    ]
    return HeldOut(
        case.name,
        max(psnr(shot, case.truth) for shot in shots),
        *(psnr(each, case.truth) for each in (mean, *inverted)),
    )
