"""From what is named on a command line to the files that it means."""

from __future__ import annotations

import errno
import fnmatch
import glob
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wsi_refocus.archive.entry import Refused
from wsi_refocus.archive.suffixes import SLIDE_SUFFIXES, WITH_FOLDERS
from wsi_refocus.pipeline.journal import FOLDER as UNFINISHED
from wsi_refocus.pipeline.prepare import SUFFIX
from wsi_refocus.slide.open import has_zarr_documents
from wsi_refocus.storage.urls import is_remote, require_public

_EXPORTED = SUFFIX.removesuffix(".zarr") + ".tiff"
"""Ending of results that were exported, and are not to be taken for slides when they lie beside these."""


@dataclass(slots=True)
class Found:
    """Files that were named or found.

    Attributes
    ----------
    files : dict of str to str or None
        Path or URL of each, in order, and the folder that was searched for it; None if it was named itself.
    refused : list of Refused
        What cannot be searched or does not exist.
    passed_over : dict of str to list of str
        Files of searched folders that are no slides, by their ending.
    """

    files: dict[str, str | None] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    passed_over: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _places: set[str] = field(default_factory=set)

    def add(self, path: str, root: str | None = None) -> None:
        """Take in a file, unless it is there already under another spelling."""
        folder, name = os.path.split(path)
        place = path if is_remote(path) else str(Path(os.path.realpath(folder or "."), name))
        if place not in self._places:
            self._places.add(place)
            self.files[path] = root

    def notes(self) -> list[str]:
        """What was passed over, one line an ending, the most frequent first."""
        return [_note(names) for names in sorted(self.passed_over.values(), key=lambda names: (-len(names), names))]


def find_files(names: Sequence[str], exclude: Sequence[str] = ()) -> Found:
    """Find what is meant by files, patterns, folders and URLs.

    Folders are searched through, in the order of names; hidden ones, ledgers, outputs of this package, finished,
    unfinished and exported, and the insides of slides that are folders are not. No folder is searched twice, whatever
    links lead to it.

    Parameters
    ----------
    names
        What was named.
    exclude
        Patterns, as ``*label*``, of paths or names to leave out.

    Raises
    ------
    UsageError
        If a URL carries credentials.
    """
    found = Found()
    for name in names:
        if is_remote(name):
            require_public(name)
            found.add(name)
        elif os.path.lexists(name):
            _take(name, found)
        else:
            matches = sorted(glob.glob(name, recursive=True)) if glob.has_magic(name) else []  # noqa: PTH207
            for match in matches:
                if Path(match).is_dir() or _is_candidate(match, found):
                    _take(match, found)
            if not matches:
                found.refused.append(Refused((name,), _why_missing(name)))
    for path in [each for each in found.files if _excluded(each, exclude)]:
        del found.files[path]
    return found


def _take(name: str, found: Found) -> None:
    """Take in a file, or what a folder holds."""
    if not os.path.exists(name):  # noqa: PTH110 - Path.exists raises where access is denied
        found.refused.append(Refused((name,), _why_missing(name)))
    elif not Path(name).is_dir() or _is_slide_folder(Path(name)):
        found.add(name)
    elif _is_ours(Path(name)):
        found.refused.append(Refused((name,), "is an output or a ledger of wsi-refocus, not a slide; name slides"))
    else:
        _search(name, found)


def _search(root: str, found: Found) -> None:
    seen: set[str] = set()

    def refuse(error: OSError) -> None:
        found.refused.append(
            Refused((str(error.filename),), f"cannot be searched ({error.strerror}); check permissions")
        )

    for folder, inner, files in os.walk(root, onerror=refuse, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            inner.clear()
            continue
        seen.add(real)
        here = Path(folder)
        slides = [name for name in inner if _is_slide_folder(here / name)]
        companions = {Path(name).stem for name in files if name.lower().endswith(WITH_FOLDERS)}
        hidden = {name for name in inner if name.startswith(".") or _is_ours(here / name)}
        inner[:] = sorted(set(inner) - set(slides) - companions - hidden)
        for name in sorted([*files, *slides]):
            path = str(here / name)
            if not name.startswith(".") and (name in slides or _is_candidate(path, found)):
                found.add(path, root)


def _is_candidate(path: str, found: Found) -> bool:
    if path.endswith(_EXPORTED):
        return False
    ending = Path(path).suffix.lower()
    if ending in SLIDE_SUFFIXES:
        return True
    found.passed_over[ending].append(path)
    return False


def _is_slide_folder(path: Path) -> bool:
    """Whether a folder is an OME-Zarr, be it a broken one, and none that this package wrote."""
    try:
        return not _is_ours(path) and (path.suffix.lower() == ".zarr" or has_zarr_documents(path))
    except OSError:  # what may not be looked into is told when it is searched
        return False


def _is_ours(path: Path) -> bool:
    """Whether a folder is a ledger, or an output of this package, finished or not."""
    marks = ((UNFINISHED,), ("run.json", "checksums.json"), ("ledger.json", "slides"))
    return path.name.endswith(SUFFIX) or any(
        all(os.path.exists(path / name) for name in mark)  # noqa: PTH110
        for mark in marks
    )


def _excluded(path: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatch(path, each) or fnmatch.fnmatch(Path(path).name, each) for each in patterns)


def _why_missing(name: str) -> str:
    try:
        Path(name).stat()
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno not in (errno.ENOENT, errno.ENOTDIR):
            return f"cannot be looked at ({error.strerror}); check the path and its permissions"
    if Path(name).is_symlink():
        return "is a link to what is not there; mend the link"
    return "there is no such file or folder; check the path"


def _note(names: Sequence[str]) -> str:
    ending = Path(names[0]).suffix.lower()
    shown = ", ".join(Path(name).name for name in names[:3])
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    kind = f"{ending} " if ending else "without ending "
    return f"{len(names)} files {kind}are no slides ({shown}{more})" if len(names) > 1 else f"{shown} is no slide"
