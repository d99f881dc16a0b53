"""What became of an archive's slides: one row a slide, and in a few lines for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import pandas as pd

from wsi_refocus.archive.entry import Refused
from wsi_refocus.archive.ledger import SlideRecord
from wsi_refocus.archive.overview.places import printable, shown
from wsi_refocus.archive.overview.rows import COLUMNS, STATES, UNKNOWN, Row, row_of
from wsi_refocus.archive.overview.unusual import remarks
from wsi_refocus.report.wording import count

NOT_USED = "not used"
"""State in the table of a file that no slide could be made of."""
WORDS = {"released": "interrupted"}
"""What a state is called where its own name is not plain."""
_TYPES = {"text": "object", "whole": "Int64", "number": "float64"}
_LISTED = 20
_FILES = 3


def archive_table(records: Iterable[SlideRecord], refused: Sequence[Refused] = ()) -> pd.DataFrame:
    """Put all slides into a table.

    Parameters
    ----------
    records
        What the ledger knows of them.
    refused
        Files that no slide could be made of; each gets a row with the state ``not used``.

    Returns
    -------
    DataFrame
        One row a slide, those first that need somebody to look, otherwise in the order of their keys; columns are
        those of `wsi_refocus.archive.overview.rows.COLUMNS`, their unit at the end of their names.
    """
    rows = sorted(map(row_of, records), key=lambda row: ((*STATES, UNKNOWN).index(row["state"]), row["key"]))
    rows += [{"state": NOT_USED, "slide": shown(name), "error": each.reason} for each in refused for name in each.names]
    table = pd.DataFrame(
        {name: pd.Series([row.get(name) for row in rows], dtype=_TYPES[kind]) for name, kind in COLUMNS.items()}
    )
    texts = [name for name, kind in COLUMNS.items() if kind == "text"]
    table[texts] = table[texts].fillna("")
    table["unusual"] = ["; ".join(each) for each in remarks(table)]
    return table


def summary_text(records: Iterable[SlideRecord], refused: Sequence[Refused] = ()) -> str:
    """Say how many slides came to what, and name those that failed, with the reason.

    Parameters
    ----------
    records
        What the ledger knows of the slides.
    refused
        Files that no slide could be made of.

    Returns
    -------
    str
        Lines without control characters, however files are called.
    """
    rows = list(map(row_of, records))
    states = Counter(row["state"] for row in rows)
    ended = [
        f"{states[state]:,} {WORDS.get(state, state)}" for state in ("done", *STATES[:-1], UNKNOWN) if states[state]
    ]
    lines = [f"{count(len(rows), 'slide')}{': ' if ended else ''}{', '.join(ended)}."]
    failed = [
        f"{row['slide']} ({count(row['tries'], 'try', 'tries')}): {reason_of(row)}"
        for row in rows
        if row["state"] == "failed"
    ]
    lines += _listed("Failed", failed)
    lines += _listed("Not used", [f"{_files(each.names)}: {each.reason}" for each in refused])
    return "\n".join(map(printable, lines))


def reason_of(row: Row) -> str:
    """Why the last try failed, without the slide's name in front."""
    reason: str = row["error"].removeprefix(f"{row['slide']}: ")
    return reason or "no reason was recorded"


def _listed(heading: str, items: Sequence[str]) -> list[str]:
    """Heading and one line an item, but not too many."""
    if not items:
        return []
    lines = [f"{heading}:", *(f"  {item}" for item in items[:_LISTED])]
    if len(items) > _LISTED:
        lines.append(f"  and {len(items) - _LISTED:,} more, see archive.csv")
    return lines


def _files(names: Sequence[str]) -> str:
    """Names of a few files, and how many there are beside."""
    more = len(names) - _FILES
    return ", ".join(map(shown, names[:_FILES])) + (f" and {count(more, 'file')} more" if more > 0 else "")
