"""Scores as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from wsi_refocus.evaluation.case import BASELINES, Case, Score, as_columns
from wsi_refocus.network.cost import Cost

DRIFTS_UM = (0.0, 0.5, 1.0, 1.5, 2.0, np.inf)
"""Borders of the bins of |δ|."""
TOLERATED_DB = 0.1
"""Loss against the sharper shot that still counts as no harm."""
_MPP_STEP = 0.05
"""Pixel sizes that are the same when rounded to this, in µm, are one column."""
_RESAMPLED = 2000


def row_of(case: Case, scores: Mapping[str, Score]) -> dict[str, float | str]:
    """What is known of one case: its name, drift, and its scores, ``psnr mean`` and so on."""
    known: dict[str, float | str] = {
        "case": case.name,
        "mpp": case.shots.mpp,
        "offset_um": case.shots.offset_um,
        "drift_um": case.drift_um,
    }
    if case.steps is not None:
        known |= {"nearer_planes": min(case.steps), "farther_planes": max(case.steps)}
    return known | as_columns(dict(scores))


def by_case(table: pd.DataFrame) -> str:
    """Markdown: the PSNR of every case, and the average."""
    names = names_of(table)
    lines = [markdown_line(["PSNR, dB", *names]), markdown_line(["---"] * (len(names) + 1))]
    for _, row in table.iterrows():
        lines.append(markdown_line([row["case"], *(f"{row[f'psnr {name}']:.2f}" for name in names)]))
    lines.append(markdown_line(["average", *(f"{table[f'psnr {name}'].mean():.2f}" for name in names)]))
    return "\n".join(lines)


def by_distance(table: pd.DataFrame) -> str:
    """Markdown: the average PSNR over the fields of a stack, by how many planes the shots lie from the truth.

    First by the distance of the nearer shot alone, then by those of both; in parentheses the number of cases.
    """
    names = names_of(table)
    lines = [markdown_line(["PSNR, dB, by planes from the truth", *names]), markdown_line(["---"] * (len(names) + 1))]

    def add(label: str, part: pd.DataFrame) -> None:
        means = (f"{part[f'psnr {name}'].mean():.2f}" for name in names)
        lines.append(markdown_line([f"{label} ({len(part)})", *means]))

    for nearer, part in table.groupby("nearer_planes"):
        add(f"nearer shot {nearer}", part)
    for _, part in table.groupby(["nearer_planes", "farther_planes"]):
        add(f"{part['nearer_planes'].iloc[0]} and {part['farther_planes'].iloc[0]}", part)
    add("all", table)
    return "\n".join(lines)


def by_drift(table: pd.DataFrame) -> str:
    """Markdown: one line a method, the average PSNR by bins of |δ| and over all, with its 95 % interval."""
    drift = table["drift_um"].abs()
    bins = [(low, high, table[(drift >= low) & (drift < high)]) for low, high in pairwise(DRIFTS_UM)]
    bins = [each for each in bins if len(each[2])]
    labels = [f"{low:g}-{high:g} µm" if np.isfinite(high) else f"{low:g} µm and more" for low, high, _ in bins]
    heads = [
        "PSNR, dB, by drift",
        *(f"{label} ({len(part)})" for label, (_, _, part) in zip(labels, bins, strict=True)),
    ]
    lines = [markdown_line([*heads, f"all ({len(table)})"]), markdown_line(["---"] * (len(bins) + 2))]
    for name in names_of(table):
        column = f"psnr {name}"
        means = [f"{part[column].mean():.2f}" for _, _, part in bins]
        lines.append(markdown_line([name, *means, f"{table[column].mean():.2f} ± {interval(table, column):.2f}"]))
    return "\n".join(lines)


def by_method(table: pd.DataFrame, costs: Mapping[str, Cost]) -> str:
    """Markdown: one line a method, with all that was measured.

    Gains are averages over cases with their 95 % intervals; the better baseline is the better of the sharper shot and
    of the mean in each case, picked with the truth. Cells are counted in each case and in its truth: the mean absolute
    difference tells of every case, the paper's difference of the means (its Table II) only of their sum.
    """
    heads = ["", "over sharper shot, dB", "over better of it and mean, dB", "not worse, %", "SSIM", "haematoxylin, OD",
             "eosin, OD", "spectral error", "fine detail", "cells, mean abs. difference", "cells, difference of means",
             "M parameters", "GMAC", "s / MP"]  # fmt: skip
    lines = [markdown_line(heads), markdown_line(["---"] * len(heads))]
    better = _better_baseline(table)
    for name in names_of(table):
        gains = table.assign(
            sharper=table[f"psnr {name}"] - table["psnr sharper shot"], better=table[f"psnr {name}"] - better
        )
        cost = costs.get(name, Cost())
        lines.append(
            markdown_line([
                name,
                *(f"{gains[each].mean():+.2f} ± {interval(gains, each):.2f}" for each in ("sharper", "better")),
                f"{100 * (gains['sharper'] >= -TOLERATED_DB).mean():.1f}",
                *(f"{table[f'{each} {name}'].mean():.4f}" for each in ("ssim", "haematoxylin", "eosin")),
                *(f"{table[f'{each} {name}'].mean():.3f}" for each in ("spectral_error", "fine_ratio")),
                *_cells(table, name),
                f"{cost.parameters_m:.2f}", f"{cost.gmac:.2f}", f"{table[f'seconds_per_mp {name}'].median():.2f}",
            ])
        )  # fmt: skip
    return "\n".join(lines)


def by_pixel_size(table: pd.DataFrame) -> str:
    """Markdown: one line a method, by the size of a pixel; empty if all cases have one size.

    The average PSNR, and in parentheses the gain over the better of the sharper shot and of the mean in each case, as
    in `by_method`, with its 95 % interval.
    """
    parts = list(table.groupby((table["mpp"] / _MPP_STEP).round()))
    if len(parts) == 1:
        return ""
    heads = [f"{steps * _MPP_STEP:.2f} µm ({len(part)})" for steps, part in parts]
    lines = [markdown_line(["PSNR, dB, and over better of sharper shot and mean, by µm per pixel", *heads])]
    lines.append(markdown_line(["---"] * (len(parts) + 1)))
    for name in names_of(table):
        cells = []
        for _, part in parts:
            psnr = part[f"psnr {name}"]
            gains = part.assign(gain=psnr - _better_baseline(part))
            cells.append(f"{psnr.mean():.2f} ({gains['gain'].mean():+.2f} ± {interval(gains, 'gain'):.2f})")
        lines.append(markdown_line([name, *cells]))
    return "\n".join(lines)


def by_grid(table: pd.DataFrame) -> str:
    """Markdown: the average PSNR for every drift of a grid, as the paper's Table III, and weighted with N(0, 1 µm)."""
    drifts = sorted(table["drift_um"].unique())
    lines = [markdown_line(["PSNR, dB, by δ in µm", *(f"{each:g}" for each in drifts), "avg"])]
    lines.append(markdown_line(["---"] * (len(drifts) + 2)))
    for name in names_of(table):
        means = [table.loc[table["drift_um"] == each, f"psnr {name}"].mean() for each in drifts]
        lines.append(markdown_line([name, *(f"{each:.2f}" for each in means), f"{normal_average(drifts, means):.2f}"]))
    return "\n".join(lines)


def by_offset(table: pd.DataFrame) -> str:
    """Markdown: the average PSNR for every ΔD."""
    names = names_of(table)
    lines = [markdown_line(["ΔD, µm", *names]), markdown_line(["---"] * (len(names) + 1))]
    for offset, part in table.groupby("offset_um"):
        lines.append(markdown_line([f"{offset:g}", *(f"{part[f'psnr {name}'].mean():.2f}" for name in names)]))
    return "\n".join(lines)


def normal_average(drifts_um: Sequence[float], values: Sequence[float]) -> float:
    """Average of values on an even grid of drifts, weighted as drifts occur.

    Each drift stands for those of N(0, 1 µm) that are nearest to it. The paper's own averages come out so to 0.01 dB.
    """
    from scipy.special import ndtr

    drifts = np.asarray(drifts_um, float)
    borders = np.concatenate([[-np.inf], (drifts[1:] + drifts[:-1]) / 2, [np.inf]])
    return float(np.average(values, weights=np.diff(ndtr(borders))))


def names_of(table: pd.DataFrame) -> list[str]:
    """Names of all that was measured: the baselines first."""
    names = [str(column).removeprefix("psnr ") for column in table.columns if str(column).startswith("psnr ")]
    return [*BASELINES, *(name for name in names if name not in BASELINES)]


def interval(table: pd.DataFrame, column: str) -> float:
    """Half of the 95 % interval of a column's mean, by bootstrap over images: cases of one image stay together."""
    images = table.groupby("case")[column].agg(["sum", "count"]).to_numpy()
    generator = np.random.default_rng(0)
    drawn = images[generator.integers(len(images), size=(_RESAMPLED, len(images)))].sum(axis=1)
    low, high = np.percentile(drawn[:, 0] / drawn[:, 1], [2.5, 97.5])
    return float(high - low) / 2


def _better_baseline(table: pd.DataFrame) -> pd.Series[float]:
    """PSNR of the better of the sharper shot and the mean in each case, picked with the truth."""
    return table[["psnr sharper shot", "psnr mean"]].max(axis=1)


def _cells(table: pd.DataFrame, name: str) -> tuple[str, str]:
    """Mean absolute difference of counts, and difference of the mean counts, with the mean of the truth."""
    truth = table[f"true_cells {name}"]
    difference = table[f"cells {name}"] - truth
    return f"{difference.abs().mean():.2f}", f"{difference.mean():+.2f} of {truth.mean():.2f}"


def markdown_line(cells: Sequence[str]) -> str:
    """Row of a table in Markdown."""
    return "| " + " | ".join(cells) + " |"
