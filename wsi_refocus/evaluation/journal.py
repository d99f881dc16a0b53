"""Scores that were measured, kept in a file, so that an interruption loses nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from wsi_refocus.evaluation.case import Score
from wsi_refocus.methods import MethodSpec, make_method
from wsi_refocus.ngff.files import explained
from wsi_refocus.optics.profile import profile_sha256

Row = dict[str, float | str]


class Journal:
    """Scores of cases by certain methods: one line a case, added when it has been measured.

    Cases go by keys that name all that decides their scores, so what was measured of other images, by other methods,
    with other weights, profiles or measures is never taken for theirs.

    Parameters
    ----------
    methods
        Methods of the registry.
    path
        File that scores are added to, and taken from where they are there; None to keep none.

    Attributes
    ----------
    methods : tuple of MethodSpec
        The methods.
    """

    def __init__(self, methods: Sequence[MethodSpec], path: Path | None = None) -> None:
        self.methods = tuple(methods)
        measures = [each.name for each in fields(Score)]
        named = [(spec.name, make_method(spec).checkpoint_sha256, profile_sha256(spec.profile)) for spec in methods]
        self._decided_by = repr((named, measures))
        self._path = path
        text = path.read_text(encoding="utf-8") if path is not None and path.exists() else ""
        self._cut_off = not text.endswith("\n") and text != ""
        self._rows = _rows_of(text)

    def key(self, facts: object) -> str:
        """Key of a case.

        Parameters
        ----------
        facts
            All that decides its scores besides the methods; ``repr`` has to tell it apart from others.
        """
        return hashlib.sha256(f"{self._decided_by}{facts!r}".encode()).hexdigest()[:32]

    def __contains__(self, key: str) -> bool:
        return key in self._rows

    def __getitem__(self, key: str) -> Row:
        return self._rows[key]

    def add(self, key: str, row: Row) -> None:
        """Keep what was measured of a case.

        Raises
        ------
        OutputError
            If the file cannot be written.
        """
        self._rows[key] = row
        if self._path is None:
            return
        line = json.dumps({"key": key, "row": row}) + "\n"
        with explained(self._path), self._path.open("a", encoding="utf-8") as file:
            file.write("\n" + line if self._cut_off else line)
        self._cut_off = False


def _rows_of(text: str) -> dict[str, Row]:
    """Rows of a journal, by key; a line that was cut off is left out."""
    rows = {}
    for line in text.splitlines():
        try:
            kept = json.loads(line)
        except ValueError:
            continue
        rows[kept["key"]] = kept["row"]
    return rows
