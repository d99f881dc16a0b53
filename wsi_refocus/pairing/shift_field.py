"""The shift of two planes over a slide: a robust fit to the slide and what cells and their neighbours add."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.pairing.limits import RegistrationLimits
from wsi_refocus.pairing.measure import CellMeasure
from wsi_refocus.tiling.grid import CellGrid

Real = NDArray[np.float64]

_STRAIN = 1e-3
"""Scale and rotation to expect between two passes, in pixels per pixel."""
_FLOOR_PX = 0.03
"""Error that no estimate of a cell's shift falls below."""
_DRIFT_PX = 0.15
"""How much the shift may change from a cell to the next, beyond the fit."""
_REACH = 2
"""Cells a side whose estimates count for a cell."""
_ROUNDS = 12
_RAYLEIGH_MEDIAN = 1.1774
"""Median length of a vector of two normal components of standard deviation 1."""


@dataclass(frozen=True, slots=True, eq=False)
class ShiftField:
    """Shift of the second plane against the first over the cells of a slide.

    Attributes
    ----------
    slide_shift : tuple of float
        Fit at the middle of the slide (y, x), in pixels.
    slide_error : float
        Its standard error in pixels; infinite where no cell could be measured.
    shift : ndarray, shape (rows, columns, 2)
        Shift of every cell in pixels.
    error : ndarray, shape (rows, columns)
        Its standard error in pixels.
    trusted : ndarray of bool, shape (rows, columns)
        Cells that were measured and agree with the slide.
    contradicts : ndarray of bool, shape (rows, columns)
        Cells with enough texture to tell that do not agree.
    """

    slide_shift: tuple[float, float]
    slide_error: float
    shift: Real
    error: Real
    trusted: NDArray[np.bool_]
    contradicts: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class _SlideFit:
    """Affine fit: shift = parameters[0] + parameters[1] v + parameters[2] u, at (v, u) from the middle."""

    parameters: Real
    covariance: Real
    spread: float

    def at(self, design: Real) -> Real:
        """Shift (…, 2) where the design (…, 3) is."""
        return design @ self.parameters

    def error_at(self, design: Real) -> Real:
        """Give the standard error of `at`."""
        variance: Real = np.einsum("...i,ij,...j->...", design, self.covariance, design)
        return np.sqrt(variance)


def fit_field(measures: Sequence[CellMeasure], grid: CellGrid, limits: RegistrationLimits) -> ShiftField:
    """Make the shift field of measured cells, defined on every cell.

    A translation with a little scale and rotation is fitted to all confident cells by reweighted least
    squares (Tukey's weights). Around it, each cell takes the inverse-variance mean of its own and its
    neighbours' estimates and of the fit; the variance grows with the distance.

    Parameters
    ----------
    measures
        Measures of cells, in the order of the grid.
    grid
        The cells of the slide.
    limits
        What is trusted.

    Returns
    -------
    ShiftField
        Shift 0 with infinite error where no cell could be measured.
    """
    shape = grid.shape
    trusted, contradicts = np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.bool_)
    textured = [measure for measure in measures if measure.texture >= limits.min_texture]
    for measure in textured:
        contradicts[measure.iy, measure.ix] = _elsewhere(measure, limits)
    usable = [
        measure for measure in textured if not contradicts[measure.iy, measure.ix] and not _is_vague(measure, limits)
    ]
    if not usable:
        nothing = np.zeros((*shape, 2)), np.full(shape, math.inf)
        return ShiftField((0.0, 0.0), math.inf, *nothing, trusted, contradicts)
    rows, columns = np.array([(measure.iy, measure.ix) for measure in usable]).T
    local = np.array([(measure.dy, measure.dx) for measure in usable])
    variance = np.array([measure.error_px for measure in usable]) ** 2 + _FLOOR_PX**2
    design = _design(grid)
    fit = _fit_slide(design[rows, columns], local, variance, limits.max_deviation_px)
    residual = local - fit.at(design[rows, columns])
    allowed = limits.max_deviation_px + 3 * np.sqrt(variance)
    agrees = np.hypot(*residual.T) <= allowed
    trusted[rows[agrees], columns[agrees]] = True
    contradicts[rows[~agrees], columns[~agrees]] = True
    weights, pulls = np.zeros(shape), np.zeros((*shape, 2))
    weights[rows[agrees], columns[agrees]] = 1 / variance[agrees]
    pulls[rows[agrees], columns[agrees]] = residual[agrees]
    correction, error = _smoothed(pulls, weights, fit.spread)
    slide_y, slide_x = fit.parameters[0].tolist()
    return ShiftField(
        (slide_y, slide_x),
        float(math.sqrt(fit.covariance[0, 0])),
        fit.at(design) + correction,
        np.hypot(error, fit.error_at(design)),
        trusted,
        contradicts,
    )


def _elsewhere(measure: CellMeasure, limits: RegistrationLimits) -> bool:
    """Whether the windows of a cell show different things, as far as can be searched."""
    needed = limits.min_vague_confidence if _is_vague(measure, limits) else limits.min_confidence
    farthest = max(abs(measure.dy), abs(measure.dx))
    return measure.confidence < needed or farthest > limits.max_shift_px


def _is_vague(measure: CellMeasure, limits: RegistrationLimits) -> bool:
    """Whether the shift of a cell itself says too little to be used."""
    return measure.error_px > 2 * limits.max_error_px


def _design(grid: CellGrid) -> Real:
    """1 and the way (y, x) in pixels from the slide's middle to every cell's, shape (rows, columns, 3)."""
    rows, columns = grid.shape
    result = np.ones((rows, columns, 3))
    result[..., 1] = ((np.arange(rows) + 0.5) * grid.edge - grid.size.height / 2)[:, None]
    result[..., 2] = ((np.arange(columns) + 0.5) * grid.edge - grid.size.width / 2)[None, :]
    return result


def _fit_slide(design: Real, local: Real, variance: Real, deviation: float) -> _SlideFit:
    """Affine fit to estimates (n, 2) that outliers do not pull."""
    parameters: Real = np.zeros((3, 2))
    parameters[0] = _densest(local, variance, deviation)
    prior = np.diag([0.0, 1 / _STRAIN**2, 1 / _STRAIN**2])
    spread = _FLOOR_PX
    information: Real = np.eye(3)
    for _ in range(_ROUNDS):
        residual = np.hypot(*(local - design @ parameters).T)
        near = residual < 2 * deviation + 3 * np.sqrt(variance)
        if near.any():
            scatter = (float(np.median(residual[near])) / _RAYLEIGH_MEDIAN) ** 2
            spread = math.sqrt(max(_FLOOR_PX**2, scatter - float(np.median(variance[near]))))
        total = variance + spread**2
        cut = np.minimum(4.7 * np.sqrt(total) + _FLOOR_PX, 2 * deviation + 3 * np.sqrt(variance))
        weight = np.where(residual < cut, (1 - (residual / cut) ** 2) ** 2, 0.0) / total
        information = design.T @ (weight[:, None] * design) + prior
        if weight.sum() <= 0:
            break
        updated: Real = np.asarray(np.linalg.solve(information, design.T @ (weight[:, None] * local)), float)
        if np.abs(updated[0] - parameters[0]).max() < 1e-6:
            break
        parameters = updated
    covariance: Real = np.asarray(np.linalg.inv(information), dtype=np.float64)
    return _SlideFit(parameters, covariance, spread)


def _densest(local: Real, variance: Real, deviation: float) -> Real:
    """Estimate with most of the others' weight near it: where the search for the slide's shift starts."""
    weight = 1 / (variance + 0.1)
    step = -(-len(local) // 2000)  # bounds the memory on slides of many cells
    candidates = local[::step]
    distance = np.hypot(*np.moveaxis(candidates[:, None] - local[None, ::step], 2, 0))
    votes = np.maximum(0, 1 - distance / (2 * deviation)) @ weight[::step]
    return np.asarray(candidates[int(votes.argmax())])


def _smoothed(residual: Real, weight: Real, spread: float) -> tuple[Real, Real]:
    """Correction to the fit in every cell (rows, columns, 2) and its standard error (rows, columns).

    Parameters
    ----------
    residual, weight
        What measured cells differ from the fit, and their inverse variance; 0 elsewhere.
    spread
        Standard deviation to expect of the residuals, which counts as an estimate of zero.
    """
    rows, columns = weight.shape
    pad = ((_REACH, _REACH), (_REACH, _REACH))
    weights, residuals = np.pad(weight, pad), np.pad(residual, (*pad, (0, 0)))
    total = np.full(weight.shape, 1 / spread**2)
    result = np.zeros(residual.shape)
    for dy in range(2 * _REACH + 1):
        for dx in range(2 * _REACH + 1):
            drift = _DRIFT_PX**2 * ((dy - _REACH) ** 2 + (dx - _REACH) ** 2)
            near = weights[dy : dy + rows, dx : dx + columns]
            near = near / (1 + near * drift)
            total += near
            result += near[..., None] * residuals[dy : dy + rows, dx : dx + columns]
    return result / total[..., None], 1 / np.sqrt(total)
