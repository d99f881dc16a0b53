"""Places that may be folders or URLs."""

from __future__ import annotations

from pathlib import Path

from wsi_refocus.storage.urls import is_remote, join, parent_of


def inside(place: str, name: str) -> str:
    """Path or URL of something in a folder.

    Parameters
    ----------
    place
        Folder or URL.
    name
        Relative path, with slashes.
    """
    return join(place, name) if is_remote(place) else str(Path(place) / name)


def folder_of(path: str) -> str:
    """Folder or URL that a file or URL lies in."""
    return parent_of(path) if is_remote(path) else str(Path(path).parent)
