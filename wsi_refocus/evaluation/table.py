"""Scores as tables."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from wsi_refocus.evaluation.case import BASELINES, Case, Score

DRIFTS_UM = (0.0, 0.5, 1.0, 1.5, 2.0, np.inf)
"""Borders of the bins of |δ|."""
TOLERATED_DB = 0.1
"""Loss against the sharper shot that still counts as no harm."""
_RESAMPLED = 2000


def rows(cases: Sequence[Case], scores: Sequence[dict[str, Score]]) -> pd.DataFrame:
    """One row a case: its name, drift, and PSNR and SSIM by name of the image."""
    return pd.DataFrame(
        {
            "case": case.name,
            "mpp": case.shots.mpp,
            "offset_um": case.shots.offset_um,
            "drift_um": case.drift_um,
            **{f"psnr {name}": each.psnr for name, each in found.items()},
            **{f"ssim {name}": each.ssim for name, each in found.items()},
        }
        for case, found in zip(cases, scores, strict=True)
    )


def by_case(table: pd.DataFrame) -> str:
    """Markdown: the PSNR of every case, and the average."""
    names = _names(table)
    lines = [_line(["case", *names]), _line(["---"] * (len(names) + 1))]
    for _, row in table.iterrows():
        lines.append(_line([row["case"], *(f"{row[f'psnr {name}']:.2f}" for name in names)]))
    lines.append(_line(["average", *(f"{table[f'psnr {name}'].mean():.2f}" for name in names)]))
    return "\n".join(lines)


def by_drift(table: pd.DataFrame) -> str:
    """Markdown: the average PSNR by bins of |δ|, and over all with its 95 % interval; gain and harm.

    The interval is that of the mean over cases, by bootstrap.
    """
    names = _names(table)
    drift = table["drift_um"].abs()
    lines = [_line(["|δ| in µm", "cases", *names]), _line(["---"] * (len(names) + 2))]
    for low, high in pairwise(DRIFTS_UM):
        inside = table[(drift >= low) & (drift < high)]
        if len(inside):
            label = f"{low:g}-{high:g}" if np.isfinite(high) else f"{low:g} and more"
            lines.append(_line([label, str(len(inside)), *(f"{inside[f'psnr {name}'].mean():.2f}" for name in names)]))
    everything = [f"{table[f'psnr {name}'].mean():.2f} ± {_interval(table[f'psnr {name}']):.2f}" for name in names]
    lines.append(_line(["all", str(len(table)), *everything]))
    best = table[["psnr sharper shot", "psnr mean"]].max(axis=1)
    for label, baseline in (("gain over the sharper shot", table["psnr sharper shot"]), ("gain over the better", best)):
        lines.append(_line([label, "", *(f"{(table[f'psnr {name}'] - baseline).mean():+.2f}" for name in names)]))
    kept = [(table[f"psnr {name}"] >= table["psnr sharper shot"] - TOLERATED_DB).mean() for name in names]
    lines.append(_line(["share not worse than the sharper shot", "", *(f"{100 * share:.0f} %" for share in kept)]))
    return "\n".join(lines)


def _names(table: pd.DataFrame) -> list[str]:
    names = [str(column).removeprefix("psnr ") for column in table.columns if str(column).startswith("psnr ")]
    return [*BASELINES, *(name for name in names if name not in BASELINES)]


def _interval(values: pd.Series) -> float:
    """Half of the 95 % interval of the mean."""
    generator = np.random.default_rng(0)
    numbers = values.to_numpy()
    means = generator.choice(numbers, (_RESAMPLED, len(numbers))).mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(high - low) / 2


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
