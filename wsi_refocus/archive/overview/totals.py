"""The archive as a whole, in a few numbers."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from wsi_refocus.archive.overview.rows import STATES, UNKNOWN
from wsi_refocus.archive.overview.table import NOT_USED, WORDS
from wsi_refocus.report.wording import count

_MEANINGS = {
    "done": "done: refocused, and its result is there",
    "failed": "failed: see the reasons below",
    "running": "running, or ended without a word: the same command takes them over",
    "waiting": "waiting: nobody began them yet",
    "released": "interrupted in good order: the same command goes on",
    NOT_USED: "files not used: no slide could be made of them",
    UNKNOWN: "of unknown state: another version wrote their records",
}
_ALWAYS = ("done", "failed", "running", "waiting")


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over an archive.

    Attributes
    ----------
    states : dict of str to (int, str)
        Number of slides by state, and what the state means.
    tiles : dict of str to int
        Tiles of finished slides by decision.
    megapixels : float
        Pixels of level 0 of finished slides, in millions.
    seconds : float
        Time of all tries at all slides, one after the other, in s.
    began, ended : str
        When the first try began and the last one ended, in UTC; empty if unknown.
    """

    states: dict[str, tuple[int, str]]
    tiles: dict[str, int]
    megapixels: float
    seconds: float
    began: str
    ended: str


def totals(table: pd.DataFrame) -> Totals:
    """Add up the archive's table."""
    found = table["state"].value_counts()
    states = {
        state: (int(found.get(state, 0)), words)
        for state, words in _MEANINGS.items()
        if state in _ALWAYS or found.get(state, 0)
    }
    done = table[table["state"] == "done"]
    began, ended = (sorted(filter(None, table[column])) for column in ("began", "ended"))
    return Totals(
        states,
        {name: int(done[name].sum()) for name in ("tiles", "refocused", "kept", "flagged", "background")},
        float(done["megapixels"].sum()),
        float(table["seconds_all_tries"].sum()),
        began[0] if began else "",
        ended[-1] if ended else "",
    )


def verdict(table: pd.DataFrame) -> str:
    """What the archive came to, in a sentence or two."""
    slides = table[table["state"] != NOT_USED]
    found = slides["state"].value_counts()
    done, all_slides = int(found.get("done", 0)), len(slides)
    if not all_slides:
        return "There are no slides."
    rest = [
        f"{found[state]:,} {_verb(state, found[state])}{WORDS.get(state, state)}"
        for state in (*STATES[:-1], UNKNOWN)
        if state in found
    ]
    if not rest:
        return "The slide is done." if all_slides == 1 else f"All {all_slides:,} slides are done."
    return f"Of {count(all_slides, 'slide')}, {done:,} {'is' if done == 1 else 'are'} done; {', '.join(rest)}."


def _verb(state: str, slides: int) -> str:
    return "" if state == "failed" else "is " if slides == 1 else "are "
