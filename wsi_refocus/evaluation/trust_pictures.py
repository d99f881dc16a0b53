"""What the trust evaluation found, as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from wsi_refocus.evaluation.bait import KINDS as BAIT
from wsi_refocus.evaluation.bait import bait
from wsi_refocus.evaluation.case import Pixels
from wsi_refocus.evaluation.counterfactual import KINDS as CHANGES
from wsi_refocus.evaluation.counterfactual import Counterfactual, counterfactual_pair
from wsi_refocus.evaluation.judged import refocused
from wsi_refocus.evaluation.pictures import new_figure
from wsi_refocus.evaluation.trust_table import risk_curve, risk_orders
from wsi_refocus.methods import MethodSpec
from wsi_refocus.training.manifest import Entry

_EDGE = 96
_PAIRS = 3
_STYLES = {"the bound": ("#0072B2", "-"), "Brenner alone": ("#D55E00", "--"), "the truth": ("#555555", ":")}


def draw_risk(table: pd.DataFrame, path: Path) -> None:
    """Draw the error of the accepted tiles over the share that is accepted, sorted by the bound and by Brenner alone.

    Parameters
    ----------
    table
        Rows of `wsi_refocus.evaluation.trust.judged_jobs`.
    path
        PNG file to write.
    """
    part = table[(table["part"] == "tiles") & table["kind"].str.endswith("occurring")]
    figure = new_figure(6.5, 4)
    axes = figure.subplots()
    for label, order in risk_orders(part).items():
        curve = risk_curve(part, order)
        colour, line = _STYLES[label]
        axes.plot(np.arange(1, len(curve) + 1) / len(curve), curve, color=colour, linestyle=line, label=f"by {label}")
    axes.set(xlabel="share of tiles that are accepted", ylabel="RMS error of the accepted, grey levels", xlim=(0, 1))
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=120)


def draw_nuclei(entries: Sequence[Entry], spec: MethodSpec, seed: int, path: Path) -> None:
    """Draw pairs with and without a nucleus: truth, first shot and output of either.

    Parameters
    ----------
    entries
        Images to simulate of.
    spec
        The method.
    seed
        Seed of everything random.
    path
        PNG file to write.
    """
    pairs = [counterfactual_pair(entries, number, seed, kind) for kind in CHANGES for number in range(_PAIRS)]
    figure = new_figure(1.5 * 6, 1.75 * len(pairs))
    grid = figure.subplots(len(pairs), 6, squeeze=False)
    for row, pair in zip(grid, pairs, strict=True):
        for axes, (title, image) in zip(row, _views(pair, spec).items(), strict=True):
            axes.set_axis_off()
            axes.imshow(image)
            axes.set_title(title, fontsize=7)
    figure.savefig(path, dpi=110)


def _views(pair: Counterfactual, spec: MethodSpec) -> dict[str, Pixels]:
    views = {}
    for name, case in (("with", pair.with_), ("without", pair.without)):
        output = refocused(case, spec)
        views[f"{pair.kind}: truth {name}"] = _around(case.truth, pair)
        views[f"shot {name}, δ {case.drift_um:+.1f} µm"] = _around(case.first, pair)
        views[f"output {name}: {pair.appears(output):.2f}"] = _around(output, pair)
    return views


def _around(image: Pixels, pair: Counterfactual) -> Pixels:
    """Square around the nucleus."""
    height, width = image.shape[:2]
    y, x = (
        int(np.clip(middle - _EDGE // 2, 0, side - _EDGE))
        for middle, side in zip(pair.centre, (height, width), strict=True)
    )
    return image[y : y + _EDGE, x : x + _EDGE]


def draw_bait(entries: Sequence[Entry], spec: MethodSpec, seed: int, path: Path) -> None:
    """Draw one bait of every kind: both shots, and what the method makes of them.

    Parameters
    ----------
    entries, spec, seed, path
        As of `draw_nuclei`.
    """
    figure = new_figure(1.6 * len(BAIT), 5.2)
    grid = figure.subplots(3, len(BAIT), squeeze=False)
    for column, kind in enumerate(BAIT):
        case = bait(entries, kind, 0, seed).case
        images = {kind: case.first, "second shot": case.second, "output": refocused(case, spec)}
        for axes, (title, image) in zip(grid[:, column], images.items(), strict=True):
            axes.set_axis_off()
            axes.imshow(image)
            axes.set_title(title, fontsize=7)
    figure.savefig(path, dpi=110)
