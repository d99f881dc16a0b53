"""What the page says of one slide."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wsi_refocus.archive.overview import places
from wsi_refocus.archive.overview.rows import Row
from wsi_refocus.archive.overview.table import WORDS, reason_of
from wsi_refocus.archive.overview.thumbnails import thumbnail
from wsi_refocus.report.images import Picture

BAR_WIDTH = 240
"""Length of a bar in its own units."""
_NARROWEST = 3
"""Length of the shortest part of a bar; a single flagged tile must be seen."""
_KINDS = ("refocused", "kept", "flagged", "background")


@dataclass(frozen=True, slots=True)
class Link:
    """Something that can be looked at; ``href`` is None where browsers cannot go."""

    label: str
    place: str
    href: str | None


@dataclass(frozen=True, slots=True)
class Card:
    """One slide on the page.

    Attributes
    ----------
    anchor : str
        Identifier within the page.
    name : str
        Name of its file.
    files : tuple of str
        Its one or two files.
    state : str
        State in plain words.
    reason : str
        Why it is not done, if a try ended so.
    row : dict
        Its row of the archive's table.
    remarks : tuple of str
        What is unusual about it.
    links : tuple of Link
        Report, output and exports.
    before, after : Picture or None
        As captured and as refocused.
    bar : tuple of (str, float, float)
        Decision, start and length of every part of the bar of its tiles.
    """

    anchor: str
    name: str
    files: tuple[str, ...]
    state: str
    reason: str
    row: Row
    remarks: tuple[str, ...]
    links: tuple[Link, ...]
    before: Picture | None
    after: Picture | None
    bar: tuple[tuple[str, float, float], ...]


def make_card(number: int, row: Row, pictures: Path | None, folder: Path) -> Card:
    """Put together what is said of a slide.

    Parameters
    ----------
    number
        Its place on the page.
    row
        Its row of the archive's table.
    pictures
        Its folder in the ledger; None to show no pictures.
    folder
        Folder of the page.
    """
    name = places.name(row["slide"])
    return Card(
        f"slide-{number}",
        name,
        tuple(places.shown(each) for each in (row["slide"], row["second"]) if each),
        WORDS.get(row["state"]) or row["state"],
        reason_of(row) if row["state"] == "failed" or row["error"] else "",
        row,
        tuple(row["unusual"].split("; ")) if row["unusual"] else (),
        _links(row, folder) if row["state"] == "done" else (),
        None if pictures is None else thumbnail(pictures / "before.jpg", f"{name} as captured"),
        None if pictures is None else thumbnail(pictures / "after.jpg", f"{name} as refocused"),
        _bar([row[kind] or 0 for kind in _KINDS]),
    )


def _links(row: Row, folder: Path) -> tuple[Link, ...]:
    exports = [("Export", str(each)) for each in json.loads(row["exports"] or "[]")]
    all_places = [("Report", row["report"]), ("Output", row["output"]), *exports]
    return tuple(Link(label, places.shown(place), places.link(place, folder)) for label, place in all_places if place)


def _bar(counts: Sequence[int]) -> tuple[tuple[str, float, float], ...]:
    """Divide a bar by the number of tiles of every decision."""
    total = sum(counts)
    if not total:
        return ()
    lengths = [max(_NARROWEST, BAR_WIDTH * count / total) if count else 0.0 for count in counts]
    stretch = BAR_WIDTH / sum(lengths)
    parts, start = [], 0.0
    for kind, length in zip(_KINDS, lengths, strict=True):
        if length:
            parts.append((kind, round(start, 1), round(length * stretch, 1)))
        start += length * stretch
    return tuple(parts)
