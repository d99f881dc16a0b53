"""The ledger of an archive: what became of every slide, in a folder of records that are only ever added to.

One folder a slide, numbered records for every try::

    ledger.json              version of the format
    slides/KEY/entry.json    what the slide is
    slides/KEY/1.try.json    who took it up, and when
    slides/KEY/1.beat        changed again and again while the work goes on
    slides/KEY/1.end.json    how the try ended
    slides/KEY/before.jpg, after.jpg

No record is changed or locked, and a try is begun by creating a file that must not exist: that is safe on
network file systems, where locks and databases are not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from wsi_refocus import __version__
from wsi_refocus.archive.entry import Entry
from wsi_refocus.errors import OutputError
from wsi_refocus.ngff.documents import plain
from wsi_refocus.ngff.files import explained, write_whole

FORMAT = 1
"""Version of the records."""
LEDGER_FOLDER = ".wsi-refocus-batch"
"""Default name of a ledger's folder."""

State: TypeAlias = Literal["waiting", "running", "done", "failed", "released"]
"""``running`` says that a try was begun and has not ended; ``released``, that it was interrupted in good order."""
_TRY = re.compile(r"(\d+)\.try\.json")


@dataclass(frozen=True, slots=True)
class Try:
    """One try at a slide.

    Attributes
    ----------
    number : int
        Counts from 1.
    holder : dict
        Who took it up (machine, host, process), and the task: what the slide's files looked like, and what was asked.
    end : dict or None
        How it ended; None while it runs, or if whoever ran it died.
    """

    number: int
    holder: Mapping[str, Any]
    end: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class SlideRecord:
    """What the ledger knows of a slide.

    Attributes
    ----------
    key : str
        Its name in the ledger.
    entry : dict
        What the slide is, as `Entry` in JSON.
    tries : tuple of Try
        All tries, the last one last.
    folder : Path
        Where its records lie, and the pictures ``before.jpg`` and ``after.jpg`` if it is done.
    """

    key: str
    entry: Mapping[str, Any]
    tries: tuple[Try, ...]
    folder: Path = field(repr=False)

    @property
    def state(self) -> State:
        """State by the last try."""
        if not self.tries:
            return "waiting"
        end = self.tries[-1].end
        if end is None:
            return "running"
        state: State = end.get("state", "failed")
        return state

    @property
    def error(self) -> str | None:
        """Why the last try failed."""
        end = self.tries[-1].end if self.tries else None
        return None if end is None else end.get("error")

    @property
    def result(self) -> Mapping[str, Any]:
        """What the run said at its end (see `RunSummary.to_json`); empty unless the slide is done."""
        end = self.tries[-1].end if self.tries else None
        result: Mapping[str, Any] = (end or {}).get("result") or {}
        return result

    def failures(self, task: object) -> int:
        """Failed tries at the same task; a file that was replaced, or another setting, is tried anew.

        Parameters
        ----------
        task
            What is to be done with which files, as in `Try.holder`.
        """
        return sum(
            1
            for each in self.tries
            if each.end is not None and each.end.get("state") == "failed" and each.holder.get("task") == task
        )


class Ledger:
    """The records of all slides of an archive.

    Parameters
    ----------
    folder
        Where they lie; made if it is not there.

    Raises
    ------
    OutputError
        If the folder cannot be written, or was written by a version with another format.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        document = folder / "ledger.json"
        with explained(folder):
            (folder / "slides").mkdir(parents=True, exist_ok=True)
            if not document.exists():
                write_whole(document, _encoded({"format": FORMAT, "version": __version__}))
        found = _read(document)
        if found.get("format") != FORMAT:
            raise OutputError(
                f"{folder}: is a ledger of version {found.get('version', 'unknown')} in another format "
                f"({found.get('format')}, not {FORMAT}); name a new one with --ledger: what is finished is recognised"
            )

    def add(self, entries: Iterable[Entry]) -> None:
        """Take in slides; those that are there already stay as they are."""
        with explained(self.folder):
            for entry in entries:
                document = self._slide(entry.key) / "entry.json"
                if not document.exists():
                    write_whole(document, _encoded(entry.to_json()))

    def record(self, key: str) -> SlideRecord:
        """Read what is known of one slide."""
        folder = self._slide(key)
        numbers = sorted(int(match[1]) for path in folder.glob("*.try.json") if (match := _TRY.fullmatch(path.name)))
        tries = tuple(Try(n, _read(folder / f"{n}.try.json"), _read_end(folder / f"{n}.end.json")) for n in numbers)
        return SlideRecord(key, _read(folder / "entry.json"), tries, folder)

    def records(self) -> list[SlideRecord]:
        """Read what is known of all slides, in the order of their keys."""
        return [self.record(path.name) for path in sorted((self.folder / "slides").iterdir()) if path.is_dir()]

    def begin(self, key: str, number: int, holder: Mapping[str, Any]) -> bool:
        """Begin a try; False if somebody else was quicker."""
        folder = self._slide(key)
        with explained(self.folder):
            folder.mkdir(parents=True, exist_ok=True)
            try:
                with (folder / f"{number}.try.json").open("xb") as file:
                    file.write(_encoded(holder))
            except FileExistsError:
                return False
        return self.record(key).tries[-1].number == number

    def beat(self, key: str, number: int, count: int) -> None:
        """Say that the work on a try goes on."""
        with explained(self.folder):
            write_whole(self._slide(key) / f"{number}.beat", str(count).encode())

    def last_beat(self, key: str, number: int) -> str:
        """What the last beat of a try said; it changes as long as the work goes on."""
        try:
            return (self._slide(key) / f"{number}.beat").read_text()
        except OSError:
            return ""

    def end(self, key: str, number: int, state: State, **facts: Any) -> None:
        """Record how a try ended.

        Parameters
        ----------
        key, number
            The try.
        state
            ``done``, ``failed`` or ``released``.
        **facts
            ``error`` of one that failed, ``result`` of one that is done, ``seconds`` and others.
        """
        with explained(self.folder):
            write_whole(self._slide(key) / f"{number}.end.json", _encoded({"state": state, **facts}))

    def keep_picture(self, key: str, name: str, content: bytes) -> None:
        """Keep a small picture of a slide, for the overview."""
        with explained(self.folder):
            write_whole(self._slide(key) / name, content)

    def _slide(self, key: str) -> Path:
        return self.folder / "slides" / key


def _encoded(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(plain(content), indent=1) + "\n").encode("ascii")  # names need not be UTF-8


def _read(path: Path) -> dict[str, Any]:
    """Content of a record; empty where it is being written, or was cut off by a crash."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _read_end(path: Path) -> dict[str, Any] | None:
    return _read(path) or None
