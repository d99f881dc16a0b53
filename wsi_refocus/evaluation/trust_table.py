"""What the trust evaluation found, as tables."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wsi_refocus.evaluation.counterfactual import SHOWN
from wsi_refocus.evaluation.table import TOLERATED_DB, markdown_line
from wsi_refocus.trust.fitting import CLASSES_UM
from wsi_refocus.trust.limits import Limits
from wsi_refocus.trust.verdict import IN_FOCUS, doubt, is_in_focus, kind_of

GAIN_LIMITS = (-1.0, -0.5, -0.25, 0.0, 0.25)
"""Limits of the bound of the gain, in dB, that are compared."""
HARMED_DB = 0.5
"""Loss against the sharper shot, or gain over it, that counts as clear on a real stack."""


def trust_report(table: pd.DataFrame) -> str:
    """Markdown: coverage of the bound, what the policy does, nuclei with and without, and bait.

    Parameters
    ----------
    table
        Rows of `wsi_refocus.evaluation.trust.judged_jobs`.
    """
    tiles = table[table["part"] == "tiles"]
    bounded = tiles["psnr_bound_of_bound"].notna().any()
    parts = [_coverage(tiles), _policy(tiles), _by_limit(tiles), _risk(tiles)] if bounded else [_policy(tiles)]
    parts += [_nuclei(table[table["part"] == "counterfactual"]), _bait(table[table["part"] == "bait"])]
    return "\n\n".join("\n".join(lines) for lines in map(list, parts))


def stack_report(table: pd.DataFrame) -> str:
    """Markdown: of the tiles of a real stack that became better or worse, how many are believed.

    Parameters
    ----------
    table
        Rows of `wsi_refocus.evaluation.trust.judged_stack`.
    """
    gain, given = gains(table), given_back(table)
    lines = [markdown_line(["tiles", "number", "flagged or kept", "kept refocused"]), markdown_line(["---"] * 4)]
    for label, inside in (
        (f"worse than the sharper shot by more than {HARMED_DB:g} dB", gain < -HARMED_DB),
        ("better than the sharper shot", gain > 0),
        ("all", np.isfinite(gain)),
    ):
        count = int(inside.sum())
        back = int((inside & given).sum())
        lines.append(markdown_line([label, str(count), _share(back, count), _share(count - back, count)]))
    means = [each.mean() for each in (table["psnr_sharper"], table["psnr_output"], policy_psnr(table))]
    average = "PSNR in dB: sharper shot {:.2f}, output {:.2f}, with the default policy {:.2f}.".format(*means)
    lines += ["", average]
    return "\n".join(lines)


def gains(table: pd.DataFrame) -> NDArray[np.float64]:
    """PSNR of every output over its sharper shot, in dB."""
    return (table["psnr_output"] - table["psnr_sharper"]).to_numpy(np.float64)


def given_back(table: pd.DataFrame) -> NDArray[np.bool_]:
    """Which tiles the default policy gives back as captured."""
    return np.asarray(table["kept"] != "", np.bool_)


def policy_psnr(table: pd.DataFrame) -> pd.Series:
    """PSNR of every tile under the default policy, in dB."""
    return table["psnr_sharper"].where(given_back(table), table["psnr_output"])


def _coverage(tiles: pd.DataFrame) -> Iterator[str]:
    classes = list(pairwise(CLASSES_UM))
    yield markdown_line(
        [
            "share of tiles above their 90 % bound, by \\|δ\\|",
            *(f"{a:g}-{b:g} µm" for a, b in classes),
            "as drifts occur",
        ]
    )
    yield markdown_line(["---"] * (len(classes) + 2))
    for scanner in dict.fromkeys(each.split()[0] for each in tiles["kind"]):
        both = tiles[tiles["kind"].str.startswith(scanner)]
        occurring = tiles[tiles["kind"] == f"{scanner} occurring"]
        drift = both["drift_um_true"].abs()
        for target, above in (("PSNR", _above_psnr), ("gain", _above_gain)):
            binned = [both[(drift >= low) & (drift < high)] for low, high in classes]
            cells = [f"{above(part).mean():.1%} ({len(part)})" if len(part) else "" for part in binned]
            yield markdown_line(
                [f"{scanner} scanner, {target}", *cells, f"{above(occurring).mean():.1%} ({len(occurring)})"]
            )


def _above_psnr(part: pd.DataFrame) -> NDArray[np.bool_]:
    return np.asarray(part["psnr_output"] >= part["psnr_bound_of_bound"], np.bool_)


def _above_gain(part: pd.DataFrame) -> NDArray[np.bool_]:
    return np.asarray(gains(part) >= part["gain_bound_of_bound"], np.bool_)


def _policy(tiles: pd.DataFrame) -> Iterator[str]:
    yield markdown_line(
        ["drifts as they occur", "not worse by 0.1 dB, without", "with the policy", "gain, dB, without", "with",
         "gain kept", "tiles given back", "in focus already"]
    )  # fmt: skip
    yield markdown_line(["---"] * 8)
    for kind, part in tiles[tiles["kind"].str.endswith("occurring")].groupby("kind", sort=False):
        gain, given = gains(part), given_back(part)
        kept = np.where(given, 0, gain)
        yield markdown_line([
            f"{str(kind).split()[0]} scanner ({len(part)})",
            f"{np.mean(gain >= -TOLERATED_DB):.1%}",
            f"{np.mean(kept >= -TOLERATED_DB):.1%}",
            f"{gain.mean():+.2f}",
            f"{kept.mean():+.2f}",
            f"{kept.sum() / gain.sum():.0%}",
            f"{given.mean():.0%}",
            f"{np.mean(part['kept'] == IN_FOCUS):.0%}",
        ])  # fmt: skip


def _by_limit(tiles: pd.DataFrame) -> Iterator[str]:
    """What the policy would do with other limits of the gain's bound."""
    yield markdown_line(
        ["limit of the gain's bound: not worse by 0.1 dB, and gain kept", *map("{:+g} dB".format, GAIN_LIMITS)]
    )
    yield markdown_line(["---"] * (len(GAIN_LIMITS) + 1))
    for kind, part in tiles[tiles["kind"].str.endswith("occurring")].groupby("kind", sort=False):
        gain, cells = gains(part), []
        for limit in GAIN_LIMITS:
            kept = np.where(given_back_by(part, Limits(gain_bound=limit)), 0, gain)
            cells.append(f"{np.mean(kept >= -TOLERATED_DB):.1%}, {kept.sum() / gain.sum():.0%}")
        yield markdown_line([f"{str(kind).split()[0]} scanner", *cells])


def given_back_by(table: pd.DataFrame, limits: Limits) -> NDArray[np.bool_]:
    """Which tiles would be given back by other limits than those they were judged by."""
    named = table.rename(columns={"gain_bound_of_bound": "gain_bound", "psnr_bound_of_bound": "psnr_bound"})
    rows = [{str(name): value for name, value in row.items()} for row in named.to_dict("records")]
    return np.array([is_in_focus(row, limits) or doubt(row, limits) != "" for row in rows], np.bool_)


def _risk(tiles: pd.DataFrame) -> Iterator[str]:
    """Average error of the accepted tiles, by how many are accepted, in three orders."""
    shares = (0.2, 0.4, 0.6, 0.8, 1.0)
    yield markdown_line(["RMS error of the best tiles, grey levels, sorted by", *(f"{share:.0%}" for share in shares)])
    yield markdown_line(["---"] * (len(shares) + 1))
    part = tiles[tiles["kind"].str.endswith("occurring")]
    for label, order in risk_orders(part).items():
        curve = risk_curve(part, order)
        cells = [f"{curve[max(0, round(share * len(curve)) - 1)]:.2f}" for share in shares]
        yield markdown_line([label, *cells])


def risk_orders(part: pd.DataFrame) -> dict[str, NDArray[np.float64]]:
    """By what tiles can be sorted, the best first: larger is better."""
    return {
        "the bound": part["psnr_bound_of_bound"].to_numpy(np.float64),
        "Brenner alone": part["brenner_output"].to_numpy(np.float64),
        "the truth": part["psnr_output"].to_numpy(np.float64),
    }


def risk_curve(part: pd.DataFrame, order: NDArray[np.float64]) -> NDArray[np.float64]:
    """RMS error in grey levels of the first 1, 2, … tiles, sorted by ``order``, the largest first."""
    errors = 255.0**2 * 10 ** (-part["psnr_output"].to_numpy(np.float64) / 10)
    ranked = errors[np.argsort(-order, kind="stable")]
    curve: NDArray[np.float64] = np.sqrt(np.cumsum(ranked) / np.arange(1, len(ranked) + 1))
    return curve


def _nuclei(pairs: pd.DataFrame) -> Iterator[str]:
    yield markdown_line(
        ["nucleus", "pairs", "appears with it", "gone without it", "shown with, median", "without, median"]
    )
    yield markdown_line(["---"] * 6)
    for kind, part in pairs.groupby("kind", sort=False):
        yield markdown_line([
            str(kind),
            str(len(part)),
            f"{np.mean(part['shown_with'] > SHOWN):.1%}",
            f"{np.mean(part['shown_without'] <= SHOWN):.1%}",
            f"{part['shown_with'].median():.2f}",
            f"{part['shown_without'].median():.2f}",
        ])  # fmt: skip


def _bait(baits: pd.DataFrame) -> Iterator[str]:
    yield markdown_line(["bait", "tiles", "flagged or kept", "most frequent reason"])
    yield markdown_line(["---"] * 4)
    for kind, part in baits.groupby("kind", sort=False):
        given = given_back(part)
        reasons = part.loc[given, "kept"].map(kind_of)
        most = reasons.mode().iloc[0] if len(reasons) else ""
        yield markdown_line([str(kind), str(len(part)), _share(int(given.sum()), len(part)), most])
    yield markdown_line(["all", str(len(baits)), _share(int(given_back(baits).sum()), len(baits)), ""])


def _share(part: int, whole: int) -> str:
    return f"{part} ({part / whole:.0%})" if whole else "0"
