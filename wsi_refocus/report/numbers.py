"""What the quality table comes down to, in words and tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from wsi_refocus.pipeline.summary import Fidelity, fidelity
from wsi_refocus.quality.record import Decision
from wsi_refocus.report.contents import Contents
from wsi_refocus.report.rendering import number
from wsi_refocus.report.wording import MEASURES, count, measure, unit_of, written
from wsi_refocus.trust.verdict import kind_of

LISTED = 60
"""Most kept and flagged tiles that the page lists one by one."""
_QUANTILES = (0.0, 0.05, 0.5, 0.95, 1.0)
_PLACE = frozenset({"iy", "ix", "y", "x", "height", "width", "y_um", "x_um", "height_um", "width_um", "sharper"})


@dataclass(frozen=True, slots=True)
class Line:
    """A column of the quality table over all tiles with tissue.

    Attributes
    ----------
    column, label, unit, meaning : str
        What it is.
    tiles : int
        Tiles where it was measured.
    values : tuple of str
        Minimum, 5th percentile, median, 95th percentile and maximum.
    """

    column: str
    label: str
    unit: str
    meaning: str
    tiles: int
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why tiles were decided on as they were."""

    decision: str
    reason: str
    tiles: int


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A kept or flagged tile, in a list."""

    row: int
    column: int
    decision: str
    written: str
    reason: str
    bound: str


@dataclass(frozen=True, slots=True)
class Truth:
    """What a reference tells.

    Attributes
    ----------
    psnr, ssim : Fidelity
        Of the sharper shot and of the output.
    held, of : int
        Refocused tiles whose gain came out at least as large as its bound, and all that have one.
    """

    psnr: Fidelity
    ssim: Fidelity
    held: int
    of: int


def counts(contents: Contents) -> dict[str, int]:
    """Number of tiles by decision, and of all as ``total``."""
    decisions = contents.table["decision"].astype(str)
    return {each.value: int((decisions == each.value).sum()) for each in Decision} | {"total": len(decisions)}


def verdict(contents: Contents) -> list[str]:
    """What was done, in sentences for everybody."""
    tiles = counts(contents)
    refocused = tiles["refocused"]
    sentences = [
        f"Of {count(tiles['total'], 'tile')}, {refocused:,} {'was' if refocused == 1 else 'were'} refocused: "
        "computed from both shots."
    ]
    if tiles["kept"]:
        sentences.append(f"{_keep(tiles['kept'])} the sharper of the two shots, as captured.")
    if tiles["flagged"]:
        sentences.append(_flagged(contents))
    if tiles["background"]:
        verb = "holds" if tiles["background"] == 1 else "hold"
        sentences.append(f"{tiles['background']:,} {verb} no tissue and {verb.replace('hold', 'stay')} as captured.")
    if not tiles["kept"] and not tiles["flagged"]:
        sentences.append("None was kept back or flagged.")
    return sentences


def reasons(contents: Contents) -> list[Reason]:
    """Why tiles were kept or flagged, the most frequent reason first."""
    rows = _doubtful(contents)
    kinds = rows["reason"].fillna("").astype(str).map(kind_of)
    pairs = zip(rows["decision"].astype(str), kinds, strict=True)
    counted = Counter(pairs)
    listed = [Reason(decision, reason, counted[decision, reason]) for decision, reason in sorted(counted)]
    return sorted(listed, key=lambda each: -each.tiles)


def doubtful(contents: Contents) -> list[Doubtful]:
    """The kept and flagged tiles, those with the lowest bound first; not more than `LISTED`."""
    rows = _doubtful(contents)
    column = next((each for each in ("gain_bound", "psnr_bound") if contents.measured(each, rows).size), None)
    if column is not None:
        rows = rows.sort_values(column, kind="stable")
    return [
        Doubtful(
            int(row["iy"]) + 1,
            int(row["ix"]) + 1,
            str(row["decision"]),
            str(row["written"]),
            str(row["reason"] or ""),
            "" if column is None else written(column, row[column], unit_of(contents.units, column)),
        )
        for _, row in rows.head(LISTED).iterrows()
    ]


def lines(contents: Contents) -> list[Line]:
    """Every measure over the tiles with tissue; those that tell most first, unknown ones last."""
    return list(_lines(contents))


def truth(contents: Contents) -> Truth | None:
    """What the reference tells, if the run had one."""
    table = contents.table
    if contents.planes is None or "psnr_output" not in table:
        return None
    measured = fidelity(table, contents.planes[0])
    if measured is None:
        return None
    held = of = 0
    if "gain_bound" in table:
        rows = table[(table["written"] == "refocused") & table["gain_bound"].notna() & table["psnr_output"].notna()]
        first = rows["sharper"] == contents.planes[0]
        gain = rows["psnr_output"] - np.where(first, rows["psnr_first"], rows["psnr_second"])
        held, of = int((gain >= rows["gain_bound"]).sum()), len(rows)
    return Truth(*measured, held, of)


def shift_words(contents: Contents) -> str:
    """How the second shot lay against the first, as ``2.26 pixels lower``; empty if it is not known."""
    shift = contents.part("alignment").get("shift_px")
    if not isinstance(shift, list) or len(shift) != 2:
        return ""
    down, right = shift
    return (
        f"{number(abs(down))} pixels {'lower' if down >= 0 else 'higher'} and {number(abs(right))} pixels further "
        f"{'right' if right >= 0 else 'left'}"
    )


def _keep(tiles: int) -> str:
    return f"{tiles:,} {'keeps' if tiles == 1 else 'keep'}"


def _flagged(contents: Contents) -> str:
    """How many tiles are flagged, and whose pixels they have."""
    rows = contents.table[contents.table["decision"] == Decision.FLAGGED.value]
    refocused = int((rows["written"] == "refocused").sum())
    if refocused in (0, len(rows)):
        whose = "refocused" if refocused else "as the sharper shot"
    else:
        whose = f"{refocused:,} of them refocused, {len(rows) - refocused:,} as the sharper shot"
    return (
        f"{len(rows):,} {'is' if len(rows) == 1 else 'are'} flagged (in the output {whose}): look before you rely on "
        f"{'it' if len(rows) == 1 else 'them'}."
    )


def _doubtful(contents: Contents) -> pd.DataFrame:
    doubted = [Decision.KEPT.value, Decision.FLAGGED.value]
    return contents.table[contents.table["decision"].isin(doubted)]


def _lines(contents: Contents) -> Iterator[Line]:
    others = [str(name) for name in contents.table.columns if name not in MEASURES and name not in _PLACE]
    meanings = contents.meanings
    for column in (*MEASURES, *others):
        values = contents.measured(column)
        if values.size:
            shown = tuple(written(column, float(each)) for each in np.quantile(values, _QUANTILES))
            meaning = str(meanings.get(column, ""))
            yield Line(column, measure(column).label, unit_of(contents.units, column), meaning, values.size, shown)
