"""Whether the decisions of a quality table agree with the rest of their rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wsi_refocus.quality.record import Decision, Written
from wsi_refocus.trust.limits import RULES
from wsi_refocus.verification.findings import name_cells

Rows = NDArray[np.bool_]


def decision_problems(table: pd.DataFrame, provenance: Mapping[str, Any]) -> Iterator[str]:
    """Say what does not fit together, one line a rule, with the cells that break it.

    Parameters
    ----------
    table
        Quality table, with the columns that all versions write.
    provenance
        Where the output comes from; tells which planes it was made of.
    """
    for rule, broken in _broken_rules(table, provenance):
        cells = [(int(iy), int(ix)) for iy, ix in zip(table["iy"][broken], table["ix"][broken], strict=True)]
        if cells:
            yield f"{name_cells(cells)}: {rule}"


def _broken_rules(table: pd.DataFrame, provenance: Mapping[str, Any]) -> Iterator[tuple[str, Rows]]:
    """Rules, and the rows that break each."""
    decision = table["decision"].astype(str)
    known = ", ".join(each.value for each in Decision)
    yield f"its decision is none of {known}", _mask(~decision.isin([each.value for each in Decision]))
    background = decision == Decision.BACKGROUND
    yield "it is background, and holds tissue", _mask(background & (table["tissue_fraction"] > 0))
    yield "it holds no tissue, and is not background", _mask(~background & (table["tissue_fraction"] == 0))
    refocused, reason = decision == Decision.REFOCUSED, table["reason"].fillna("").astype(str) != ""
    yield "it was not refocused, and no reason is given", _mask(~refocused & ~reason)
    yield "it was refocused, and a reason against it is given", _mask(refocused & reason)
    planes = provenance.get("planes")
    indices = planes.get("indices") if isinstance(planes, Mapping) else None
    if isinstance(indices, list):
        yield f"its sharper plane is none of {indices}", _mask(~table["sharper"].isin([*indices, -1]))
    if "written" in table:
        written = table["written"].astype(str)
        whose = [each.value for each in Written]
        yield f"what was written is none of {', '.join(whose)}", _mask(~written.isin(whose))
        computed = written == Written.REFOCUSED
        yield "it is called refocused, and captured pixels are said to be written", _mask(refocused & ~computed)
        captured = decision.isin([Decision.KEPT, Decision.BACKGROUND])
        yield "it is called captured, and refocused pixels are said to be written", _mask(captured & computed)
    for low, middle in (("psnr_bound", "psnr_predicted"), ("gain_bound", "gain_predicted")):
        if {low, middle} <= set(table.columns):
            yield f"its {low} has no {middle}", _mask(table[low].notna() & table[middle].isna())
    trust = provenance.get("trust")
    if isinstance(trust, Mapping) and isinstance(trust.get("limits"), Mapping):
        yield from _broken_limits(table[refocused & ~_in_focus(table, trust["limits"])], table, trust["limits"])


def _in_focus(table: pd.DataFrame, limits: Mapping[str, Any]) -> pd.Series:
    """Tiles that the network hardly changed, of whose evidence nothing is asked."""
    limit = limits.get("in_focus_change")
    if not isinstance(limit, int | float) or "change" not in table:
        return pd.Series(False, table.index)
    return table["change"] <= limit


def _broken_limits(
    refocused: pd.DataFrame, table: pd.DataFrame, limits: Mapping[str, Any]
) -> Iterator[tuple[str, Rows]]:
    """Limits of the run that a tile breaks which was written as if it were believed; what is NaN breaks none."""
    for rule in RULES:
        limit = limits.get(rule.limit)
        if not isinstance(limit, int | float):
            continue
        for column in filter(refocused.columns.__contains__, rule.columns):
            values = refocused[column] if rule.is_least else refocused[column].abs()
            beyond = values[values < limit if rule.is_least else values > limit].index
            said = "below the least" if rule.is_least else "above the most"
            told = f"it is refocused, and its {column} is {said} that the run allowed, {limit:g}"
            yield told, _mask(pd.Series(table.index.isin(beyond), table.index))


def _mask(rows: pd.Series) -> Rows:
    mask: Rows = rows.to_numpy(np.bool_)
    return mask
