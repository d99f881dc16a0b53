"""Calibration on synthetic tiles whose distribution is known: the bound holds as often as it says."""

import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from wsi_refocus.trust.bound import ErrorBound
from wsi_refocus.trust.fitting import CLASSES_UM, COVERAGE, COVERAGE_OF_A_CLASS, conformal_quantiles, fit_bound

NAMES = ("a", "b", "c")
LEARNED, HELD_OUT, NEW = 1500, 1500, 4000
BEYOND_UM = CLASSES_UM[-1] + 1
"""A drift in no class."""


def _tiles(count: int, groups: str, seed: int, hard_um: tuple[float, float] | None = None) -> pd.DataFrame:
    """Tiles whose PSNR depends on two features and whose spread on a third, with errors that are not normal.

    With ``hard_um`` drifts differ, of which no feature says anything, and those between the two cost another 2 dB.
    """
    generator = np.random.default_rng(seed)
    a, b, c = generator.normal(0, 1, (3, count))
    error = generator.exponential(1.0, (2, count)) - 1
    spread = np.exp(0.7 * c)
    psnr = 33 + 3 * a + np.sin(2 * b) - spread * error[0]
    gain = 2 + a * b - 0.5 * spread * error[1]
    group = [f"{groups}{number % 7}" for number in range(count)]
    drift = np.full(count, BEYOND_UM)
    if hard_um is not None:
        drift = generator.uniform(CLASSES_UM[0], CLASSES_UM[-1], count) * generator.choice([-1, 1], count)
        psnr -= 2.0 * ((np.abs(drift) >= hard_um[0]) & (np.abs(drift) < hard_um[1]))
    return pd.DataFrame({"a": a, "b": b, "c": c, "psnr": psnr, "gain": gain, "group": group, "drift_um": drift})


@pytest.mark.parametrize("seed", [0, 10, 20])
def test_new_tiles_exceed_their_bound_as_often_as_promised(seed: int) -> None:
    bound = fit_bound(_tiles(LEARNED, "learned", seed), _tiles(HELD_OUT, "held", seed + 1), NAMES, {"coverage": 0.9})
    new = _tiles(NEW, "new", seed + 2)
    mean, spread = bound.predict(new[list(NAMES)].to_numpy())
    held = new[["psnr", "gain"]].to_numpy() >= mean - np.array(bound.quantiles) * spread
    deviation = math.sqrt(COVERAGE * (1 - COVERAGE) * (1 / HELD_OUT + 1 / NEW))
    assert held.mean(axis=0) == pytest.approx((COVERAGE, COVERAGE), abs=3.5 * deviation)


def test_it_holds_as_often_where_focus_lies_far_away_too() -> None:
    """Tiles of one class of drift are worse than any feature says: the bound has to hold for them alone."""
    hard = CLASSES_UM[2], CLASSES_UM[3]
    learned, held_out = _tiles(LEARNED, "learned", 0, hard), _tiles(HELD_OUT, "held", 1, hard)
    bound = fit_bound(learned, held_out, NAMES, {})
    new = _tiles(NEW, "new", 2, hard)
    mean, spread = bound.predict(new[list(NAMES)].to_numpy())
    held = new["psnr"].to_numpy() >= mean[:, 0] - bound.quantiles[0] * spread[:, 0]
    size = new["drift_um"].abs()
    for low, high in pairwise(CLASSES_UM):
        inside = ((size >= low) & (size < high)).to_numpy()
        count = inside.sum() * HELD_OUT / NEW
        deviation = math.sqrt(COVERAGE_OF_A_CLASS * (1 - COVERAGE_OF_A_CLASS) * (1 / count + 1 / inside.sum()))
        assert held[inside].mean() > COVERAGE_OF_A_CLASS - 3.5 * deviation
    assert held.mean() > COVERAGE


def test_the_bound_knows_which_tiles_are_hard() -> None:
    bound = fit_bound(_tiles(LEARNED, "learned", 0), _tiles(HELD_OUT, "held", 1), NAMES, {})
    new = _tiles(NEW, "new", 2)
    mean, spread = bound.predict(new[list(NAMES)].to_numpy())
    hard = (new["c"] > 1).to_numpy()
    easy = (new["c"] < -1).to_numpy()
    assert spread[hard, 0].mean() > 1.5 * spread[easy, 0].mean()
    assert np.corrcoef(mean[:, 0], new["psnr"])[0, 1] > 0.85


def _misses(bound: ErrorBound, tiles: pd.DataFrame) -> np.ndarray:
    mean, spread = bound.predict(tiles[list(NAMES)].to_numpy())
    return np.sort((mean - tiles[["psnr", "gain"]].to_numpy()) / spread, axis=0)


def test_the_quantile_is_that_of_split_conformal_prediction() -> None:
    """By hand: with 19 tiles the bound holds for 18 of them, the (19 + 1) · 0.9-th."""
    bound = fit_bound(_tiles(LEARNED, "learned", 0), _tiles(HELD_OUT, "held", 1), NAMES, {})
    few = _tiles(19, "few", 5)
    assert conformal_quantiles(bound, few) == pytest.approx(tuple(_misses(bound, few)[17]))
    assert conformal_quantiles(bound, few.iloc[:9]) == pytest.approx(tuple(_misses(bound, few.iloc[:9])[8]))


def test_tiles_of_one_group_are_not_in_both_parts() -> None:
    learned, held_out = _tiles(60, "patient", 0), _tiles(60, "patient", 1)
    with pytest.raises(ValueError, match="patient0"):
        fit_bound(learned, held_out, NAMES, {})


def test_a_feature_that_is_missing_here_and_there_does_no_harm() -> None:
    learned, held_out = _tiles(LEARNED, "learned", 0), _tiles(HELD_OUT, "held", 1)
    learned.loc[::5, "c"] = np.nan
    learned["never varies"] = 1.0
    held_out["never varies"] = 1.0
    bound = fit_bound(learned, held_out, (*NAMES, "never varies"), {"why": "a test"})
    assert np.all(np.isfinite(bound.mean)) and np.all(np.isfinite(bound.quantiles))
    assert bound.facts == {"why": "a test"}


def test_the_same_tiles_give_the_same_bound() -> None:
    one, two = (fit_bound(_tiles(LEARNED, "learned", 0), _tiles(HELD_OUT, "held", 1), NAMES, {}) for _ in range(2))
    assert np.array_equal(one.mean, two.mean) and one.quantiles == two.quantiles
