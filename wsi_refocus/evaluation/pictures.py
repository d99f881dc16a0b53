"""Scores and results as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from wsi_refocus.errors import MissingExtraError
from wsi_refocus.evaluation.case import Case, images_of
from wsi_refocus.evaluation.table import DRIFTS_UM, interval, names_of
from wsi_refocus.methods import MethodSpec
from wsi_refocus.quality.fidelity import psnr

_EDGE = 128
_WORST_LEVELS = 40.0


def draw_by_drift(table: pd.DataFrame, path: Path) -> None:
    """Draw the gain over the sharper shot by |δ|, with 95 % intervals.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    figure = new_figure(8, 4.5)
    axes = figure.subplots()
    drift = table["drift_um"].abs()
    bins = [table[(drift >= low) & (drift < high)] for low, high in pairwise(DRIFTS_UM)]
    bins = [part for part in bins if len(part)]
    for number, name in enumerate(names_of(table)):
        parts = [part.assign(gain=part[f"psnr {name}"] - part["psnr sharper shot"]) for part in bins]
        x = np.array([part["drift_um"].abs().mean() for part in parts]) + 0.015 * number
        errors = [interval(part, "gain") for part in parts]
        axes.errorbar(x, [part["gain"].mean() for part in parts], errors, label=name, marker="o", capsize=2)
    axes.axhline(0, color="black", linewidth=0.5)
    axes.set(xlabel="|δ| in µm", ylabel="PSNR over the sharper shot, dB")
    axes.legend(frameon=False, ncols=2, fontsize=8)
    figure.savefig(path, dpi=120)


def draw_sheet(cases: Sequence[Case], methods: Sequence[MethodSpec], path: Path) -> None:
    """Draw, for every case, the shots, what methods make of them, the truth, and below them the errors.

    What is shown is the square in the middle; errors from 0 (black) to 40 grey levels (white).

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    shown = [images_of(case, methods) for case in cases]
    figure = new_figure(1.6 * (len(shown[0]) + 1), 3.4 * len(cases))
    grid = figure.subplots(2 * len(cases), len(shown[0]) + 1, squeeze=False)
    for axes in grid.ravel():
        axes.set_axis_off()
    for number, (case, images) in enumerate(zip(cases, shown, strict=True)):
        truth = _middle(case.truth)
        above, below = grid[2 * number], grid[2 * number + 1]
        for axes, error_axes, (name, (image, _)) in zip(above, below, images.items(), strict=False):
            axes.imshow(_middle(image))
            axes.set_title(f"{name}\n{psnr(image, case.truth):.1f} dB", fontsize=8)
            error = np.abs(_middle(image).astype(float) - truth).mean(axis=2)
            error_axes.imshow(error, cmap="gray", vmin=0, vmax=_WORST_LEVELS)
        above[-1].imshow(truth)
        above[-1].set_title(f"truth\nδ {case.drift_um:+.2f} µm", fontsize=8)
    figure.savefig(path, dpi=110)


def _middle(image: Any) -> Any:
    top, left = ((side - _EDGE) // 2 for side in image.shape[:2])
    return image[max(0, top) : top + _EDGE, max(0, left) : left + _EDGE]


def new_figure(width: float, height: float) -> Any:
    """Figure of matplotlib, in inches."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError(
            "pictures need matplotlib: pip install 'wsi-refocus[evaluate]', or leave --output out"
        ) from None
    return Figure(figsize=(width, height), layout="constrained")
