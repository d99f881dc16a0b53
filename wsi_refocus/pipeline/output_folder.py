"""The folder that a run writes: refused, claimed for it alone, or cleared."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from wsi_refocus.errors import OutputError, OutputExistsError
from wsi_refocus.ngff.metadata import LAST_DOCUMENTS, is_finished
from wsi_refocus.pipeline.journal import FOLDER, Journal
from wsi_refocus.pipeline.prepare import Job


def check_output(folder: Path, overwrite: bool) -> None:
    """Refuse an output that holds somebody's data.

    Raises
    ------
    OutputExistsError
        If it is a finished output, and is not to be replaced.
    OutputError
        If it is something else.
    """
    if not folder.exists() and not folder.is_symlink():
        return
    if not folder.is_dir():
        raise OutputError(f"{folder}: is a file, not a folder; choose another output with -o")
    ours = (folder / FOLDER).is_dir() or is_finished(folder)
    if any(folder.iterdir()) and not ours:
        raise OutputError(f"{folder}: exists and was not written by wsi-refocus; choose another output with -o")
    if is_finished(folder) and not overwrite:
        raise OutputExistsError(
            f"{folder}: exists already; replace it with --overwrite or choose another output with -o"
        )


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Have the output for this run alone; an output in which nothing was begun is taken away again.

    Raises
    ------
    OutputError
        If another run is at work on it.
    """
    journal = Journal(folder)
    existed = folder.exists()
    with journal.locked():
        try:
            yield
        finally:
            if not existed and not journal.exists and not is_finished(folder):
                shutil.rmtree(folder, ignore_errors=True)


def make_way(folder: Path, job: Job, overwrite: bool) -> None:
    """Remove what is to be overwritten; refuse the unfinished output of another run.

    Raises
    ------
    OutputExistsError
        If it is one, and is not to be replaced.
    """
    journal = Journal(folder)
    if overwrite:
        _clear(folder)
    elif journal.exists and journal.record()["identity"] != job.identity:
        raise OutputExistsError(
            f"{folder}: holds an unfinished run with other options or another input; "
            "start anew with --overwrite or choose another output with -o"
        )


def _clear(folder: Path) -> None:
    """Remove an earlier output, its root documents first, so that it does not look finished half-way."""
    for name in reversed(LAST_DOCUMENTS):
        (folder / name).unlink(missing_ok=True)
    (folder / FOLDER / "run.json").unlink(missing_ok=True)
    for entry in folder.iterdir():
        if entry.name != FOLDER:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    for name in ("shards", "rims"):
        shutil.rmtree(folder / FOLDER / name, ignore_errors=True)
