"""A short string for each file that changes when the file does, without reading all of it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from wsi_refocus.errors import SlideError
from wsi_refocus.slide.cause import cause
from wsi_refocus.slide.file_bytes import FileBytes, is_remote

END = 2**20
"""Bytes at the start and at the end of a file that are hashed."""
_DOCUMENTS = ("zarr.json", ".zgroup", ".zattrs", ".zarray", ".zmetadata")


def fingerprint(path: str) -> str:
    """Fingerprint a slide.

    Of a file: its size and the SHA-256 of its first and last MiB, which hold the directories of a TIFF. Of a
    folder (OME-Zarr, or the data folder of a MIRAX slide): the SHA-256 of its metadata documents, and of the
    relative paths and sizes of all its files. Change of content in the middle of a file, or in a chunk that keeps
    its size, is not seen; names, times and places of files do not count.

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
    if is_remote(path) and ".zarr" in path:
        return _remote_store(path)
    if is_remote(path) or not Path(path).is_dir():
        return _file(path)
    try:
        return _folder(Path(path))
    except OSError as error:
        raise SlideError(f"{path}: cannot be read ({cause(error)}); check its permissions") from error


def _file(path: str) -> str:
    file = FileBytes(path)
    try:
        size, digest = file.size, hashlib.sha256()
        digest.update(file.read_at(0, END))
        digest.update(file.read_at(max(0, size - END), END))
    except OSError as error:
        raise SlideError(f"{path}: cannot be read ({cause(error)}); check the file") from error
    finally:
        file.close()
    companion = Path(path).with_suffix("")
    if path.lower().endswith(".mrxs") and companion.is_dir():
        digest.update(_folder(companion).encode())
    return f"{size}:{digest.hexdigest()}"


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


def _remote_store(url: str) -> str:
    """Metadata alone: web servers do not list folders."""
    total, digest = 0, hashlib.sha256()
    for name in _DOCUMENTS:
        try:
            file = FileBytes(f"{url.rstrip('/')}/{name}")
        except SlideError:
            continue
        content = file.read_at(0, file.size)
        file.close()
        total += len(content)
        digest.update(f"{name}\0".encode() + content)
    if not total:
        raise SlideError(f"{url}: holds no OME-Zarr metadata; check the address")
    return f"{total}:{digest.hexdigest()}"
