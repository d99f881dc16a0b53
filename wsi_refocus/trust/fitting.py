"""Calibrating a bound: a regression on tiles of known error, and the quantile of its misses on other patients."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wsi_refocus.trust.bound import TARGETS, ErrorBound, expanded, standardised

COVERAGE = 0.9
COVERAGE_OF_A_CLASS = 0.9
"""Coverage in every class of |δ|."""
CLASSES_UM = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
"""Borders of the classes of |δ|."""
UNITS = 192
RIDGE = 300.0
FOLDS = 6
LARGEST_GAIN_DB = 3.0
"""Gains and losses are learned up to this: what lies beyond is rare, and would outweigh the rest."""
_FEWEST = 20
_SEED = 0
_LEAST_MISS = 0.05

Real = NDArray[np.float64]


def fit_bound(
    learned: pd.DataFrame, held_out: pd.DataFrame, names: Sequence[str], facts: Mapping[str, Any]
) -> ErrorBound:
    """Fit the regression to some groups, and take the quantiles from others.

    Parameters
    ----------
    learned, held_out
        One row a tile: features, the targets ``psnr`` and ``gain`` in dB, and ``group``; no group is in both.
    names
        Columns that are features.
    facts
        What to keep with the bound.

    Raises
    ------
    ValueError
        If a group is in both.
    """
    if common := set(learned["group"]) & set(held_out["group"]):
        raise ValueError(f"the groups {sorted(common)} are in both parts")
    rows, targets = learned[list(names)].to_numpy(float), learned[list(TARGETS)].to_numpy(float, copy=True)
    targets[:, 1] = np.clip(targets[:, 1], -LARGEST_GAIN_DB, LARGEST_GAIN_DB)
    centre = np.nanmean(rows, axis=0)
    scale = np.maximum(np.nanstd(rows, axis=0), 1e-6)
    generator = np.random.default_rng(_SEED)
    hidden = np.vstack([
        generator.normal(0, 1 / math.sqrt(len(names)), (len(names), UNITS)),
        generator.normal(0, 0.5, UNITS),
    ])  # fmt: skip
    basis = expanded(standardised(rows, centre, scale), hidden)
    mean = _ridge(basis, targets)
    misses = np.abs(targets - _out_of_fold(basis, targets, learned["group"].to_numpy()))
    log_spread = _ridge(basis, np.log(misses + _LEAST_MISS))
    bound = ErrorBound(tuple(names), centre, scale, hidden, mean, log_spread, (0.0, 0.0), dict(facts))
    quantiles = conformal_quantiles(bound, held_out)
    return replace(bound, quantiles=quantiles)


def conformal_quantiles(bound: ErrorBound, held_out: pd.DataFrame) -> tuple[float, float]:
    """How many spreads below the prediction the bounds have to lie, by split conformal prediction.

    With n held-out tiles it is the ⌈(n + 1) · coverage⌉-th smallest of their misses, so that a new tile of the same
    kind exceeds its bound with at least that probability (Vovk et al., "Algorithmic learning in a random world",
    2005). How far a section really lies from focus is not known of a tile, and a bound that holds for most tiles could
    fail for all that lie far away; so for PSNR the same is asked of the tiles of every class of |δ| alone, with
    `COVERAGE_OF_A_CLASS`, and the largest quantile counts.

    Parameters
    ----------
    bound
        A fitted bound, whose own quantiles are not used.
    held_out
        Tiles that it was not fitted to, with their ``drift_um``.
    """
    mean, spread = bound.predict(held_out[list(bound.names)].to_numpy(float))
    misses: Real = (mean - held_out[list(TARGETS)].to_numpy(float)) / spread
    drift = np.abs(held_out["drift_um"].to_numpy(float))
    psnr, gain = (_quantile(each, COVERAGE) for each in misses.T)
    for low, high in pairwise(CLASSES_UM):
        inside = (drift >= low) & (drift < high)
        if inside.sum() >= _FEWEST:
            psnr = max(psnr, _quantile(misses[inside, 0], COVERAGE_OF_A_CLASS))
    return psnr, gain


def _quantile(misses: Real, coverage: float) -> float:
    rank = min(math.ceil((len(misses) + 1) * coverage), len(misses)) - 1
    return float(np.sort(misses)[rank])


def _ridge(basis: Real, targets: Real) -> Real:
    """Coefficients of a ridge regression whose constant is free."""
    penalties = np.full(basis.shape[1], RIDGE)
    penalties[0] = 0
    coefficients = np.linalg.solve(basis.T @ basis + np.diag(penalties), basis.T @ targets)
    return np.asarray(coefficients, np.float64)


def _out_of_fold(basis: Real, targets: Real, groups: NDArray[np.object_]) -> Real:
    """Predictions of every tile by a regression that has not seen its group."""
    names = sorted(set(groups))
    fold = np.array([names.index(group) % FOLDS for group in groups])
    predicted: Real = np.empty_like(targets)
    for number in range(FOLDS):
        inside = fold == number
        predicted[inside] = basis[inside] @ _ridge(basis[~inside], targets[~inside])
    return predicted
