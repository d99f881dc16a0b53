"""The overview of an archive: one page and one table that tell what became of every slide."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pandas as pd

from wsi_refocus.archive.entry import Refused
from wsi_refocus.archive.ledger import Ledger
from wsi_refocus.archive.overview import unusual
from wsi_refocus.archive.overview.cards import BAR_WIDTH, make_card
from wsi_refocus.archive.overview.places import shown
from wsi_refocus.archive.overview.rows import Row
from wsi_refocus.archive.overview.table import NOT_USED, archive_table
from wsi_refocus.archive.overview.thumbnails import pictured
from wsi_refocus.archive.overview.times import duration, moment
from wsi_refocus.archive.overview.totals import totals, verdict
from wsi_refocus.errors import OutputError, RefocusError
from wsi_refocus.ngff.files import explained, write_whole
from wsi_refocus.report.rendering import render

PACKAGE = "wsi_refocus.archive.overview"
PAGE = "archive.html"
TABLE = "archive.csv"


def write_overview(ledger: Ledger, folder: Path, refused: Sequence[Refused] = ()) -> Path:
    """Write the overview of an archive: ``archive.html`` for people and ``archive.csv`` for programs.

    Each is there whole or not at all, also if several processes write them at once; the last one stays.

    Parameters
    ----------
    ledger
        The archive's ledger; nothing else is read, as results may be in buckets or on other machines.
    folder
        Where both files are written.
    refused
        Files that no slide could be made of.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    OutputError
        If they cannot be made or written.
    """
    page = folder / PAGE
    try:
        records = ledger.records()
        table = archive_table(records, refused)
        pictures = {record.key: record.folder for record in records}
        html = _page(table, pictures, folder, refused)
        csv = table.to_csv(index=False, lineterminator="\n")
    except RefocusError:
        raise
    except OSError as error:
        raise OutputError(f"{ledger.folder}: the ledger cannot be read ({error.strerror}); check it") from error
    except Exception as error:
        # an odd record must not hide from the user what was done in a night
        what = " ".join(f"{type(error).__name__}: {error}".split())
        raise OutputError(f"{page}: no overview could be made ({what}); the results themselves are whole") from error
    for path, content in ((folder / TABLE, csv), (page, html)):
        with explained(path):
            write_whole(path, content.encode("utf-8", "backslashreplace"))  # of names that are no text
    return page


def _page(table: pd.DataFrame, pictures: dict[str, Path], folder: Path, refused: Sequence[Refused]) -> str:
    slides = table[table["state"] != NOT_USED]
    rows = cast(list[Row], slides.astype(object).where(slides.notna(), None).to_dict("records"))
    rows.sort(key=lambda row: (row["state"] == "done", not row["unusual"]))  # those to look at first
    with_pictures = pictured(rows)
    cards = [
        make_card(number, row, pictures[row["key"]] if row["key"] in with_pictures else None, folder)
        for number, row in enumerate(rows, start=1)
    ]
    content: dict[str, Any] = {
        "name": folder.absolute().name or str(folder),
        "verdict": verdict(table),
        "totals": totals(table),
        "cards": cards,
        "failed": [card for card in cards if card.row["state"] == "failed"],
        "notable": [card for card in cards if card.remarks],
        "refused": [(list(map(shown, each.names)), each.reason) for each in refused],
        "without_pictures": len(rows) - len(with_pictures),
        "unusual": unusual,
        "bar_width": BAR_WIDTH,
        "duration": duration,
        "moment": moment,
        "csv": TABLE,
    }
    return render("archive.html.j2", package=PACKAGE, script="archive.js", **content)
