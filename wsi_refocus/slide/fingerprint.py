"""A short string for each file that changes when the file does, without reading all of it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from wsi_refocus.errors import SlideError
from wsi_refocus.slide.cause import cause
from wsi_refocus.slide.file_bytes import FileBytes
from wsi_refocus.storage.folder import RemoteFolder
from wsi_refocus.storage.urls import is_remote, is_store_url

END = 2**20
"""Bytes at the start and at the end of a file that are hashed."""
_DOCUMENTS = ("zarr.json", ".zgroup", ".zattrs", ".zarray", ".zmetadata")


def fingerprint(path: str) -> str:
    """Fingerprint a slide.

    Of a file: its size and the SHA-256 of its first and last MiB, which hold the directories of a TIFF. Of a
    folder (OME-Zarr, or the data folder of a MIRAX slide): the SHA-256 of its metadata documents, and of the
    relative paths and sizes of all its files; of an OME-Zarr behind a URL, of its metadata documents alone. Change
    of content in the middle of a file, or in a chunk that keeps its size, is not seen; names, times and places of
    files do not count.

    Parameters
    ----------
    path
        File, folder or URL.

    Returns
    -------
    str
        ``SIZE:SHA256``, the size in bytes.

    Raises
    ------
    SlideError
        If it cannot be read.
    """
    if is_store_url(path):
        return _documents(RemoteFolder(path).find, path)
    if is_remote(path):
        return _file(path)[0]
    return _local(path)


def fingerprint_of_copy(copy: str, original: str) -> str:
    """Fingerprint a slide by a copy of it: the same as that of the original.

    Parameters
    ----------
    copy
        File or folder on this machine, or the URL itself where it was not copied.
    original
        File, folder or URL that was copied; it is not looked at.

    Raises
    ------
    SlideError
        If the copy cannot be read.
    """
    if is_remote(copy) or not is_remote(original):
        return fingerprint(copy)
    if is_store_url(original):
        return _documents(lambda name: _content(Path(copy) / name), copy)
    return _file(copy)[0]


def _local(path: str) -> str:
    place = Path(path)
    try:
        if place.is_dir():
            return _folder(place)
        told, digest = _file(path)
        companion = place.with_suffix("")
        if not (path.lower().endswith(".mrxs") and companion.is_dir()):
            return told
        digest.update(_folder(companion).encode())
    except OSError as error:
        raise SlideError(f"{path}: cannot be read ({cause(error)}); check its permissions") from error
    return f"{told.partition(':')[0]}:{digest.hexdigest()}"


def _file(path: str) -> tuple[str, hashlib._Hash]:
    """Fingerprint of one file, and the digest that it ends with."""
    file = FileBytes(path)
    try:
        size, digest = file.size, hashlib.sha256()
        digest.update(file.read_at(0, END))
        digest.update(file.read_at(max(0, size - END), END))
    except OSError as error:
        raise SlideError(f"{path}: cannot be read ({cause(error)}); check the file") from error
    finally:
        file.close()
    return f"{size}:{digest.hexdigest()}", digest


def _folder(folder: Path) -> str:
    total, digest = 0, hashlib.sha256()
    for parent, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            file = Path(parent) / name
            size = file.stat().st_size
            total += size
            digest.update(f"{file.relative_to(folder).as_posix()}\0{size}\0".encode())
            if name in _DOCUMENTS:
                digest.update(file.read_bytes())
    return f"{total}:{digest.hexdigest()}"


def _documents(find: Callable[[str], bytes | None], path: str) -> str:
    """Metadata alone: web servers do not list folders."""
    total, digest = 0, hashlib.sha256()
    for name in _DOCUMENTS:
        content = find(name)
        if content is not None:
            total += len(content)
            digest.update(f"{name}\0".encode() + content)
    if not total:
        raise SlideError(f"{path}: holds no OME-Zarr metadata; check the address")
    return f"{total}:{digest.hexdigest()}"


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes() if file.is_file() else None
    except OSError as error:
        raise SlideError(f"{file}: cannot be read ({cause(error)}); check its permissions") from error
