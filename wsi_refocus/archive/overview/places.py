"""Where slides and results lie: as a link that works from the page, and as text that is safe to show."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote, urlsplit

from wsi_refocus.errors import RefocusError
from wsi_refocus.storage.urls import is_remote, name_of, public

_OPENED_BY_BROWSERS = ("http", "https")


def link(place: str, folder: Path) -> str | None:
    """Address of a file, folder or URL, as it is written into a page.

    Parameters
    ----------
    place
        File, folder or URL; relative ones count from the working directory.
    folder
        Folder of the page.

    Returns
    -------
    str or None
        Relative to the page where both have a folder in common, so that they may be moved together; None where
        browsers cannot go.
    """
    if not place or "\0" in place:
        return None
    if is_remote(place):
        try:
            return place if urlsplit(place).scheme.lower() in _OPENED_BY_BROWSERS else None
        except ValueError:
            return None
    target, start = Path(os.path.abspath(place)), Path(os.path.abspath(folder))  # noqa: PTH100 - Path keeps the ..
    try:
        if target.parts[:2] != start.parts[:2]:  # nothing in common but the root
            return target.as_uri()
        return quote(os.fsencode(Path(os.path.relpath(target, start)).as_posix()))
    except UnicodeEncodeError:  # no name that a file can have here
        return None


def name(place: str) -> str:
    """Name of a file or URL without its folder."""
    try:
        return name_of(place) or place
    except RefocusError:
        return shown(place)


def shown(place: str) -> str:
    """A path or URL for people; what a URL carries beside its path is left out, as it may be secret."""
    try:
        return public(place)
    except RefocusError:
        return place.split("://")[0] + "://…"


def printable(text: str) -> str:
    r"""A name for a terminal: control characters, and bytes that are no text, as ``\x1b``."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)
