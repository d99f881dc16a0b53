"""Copying the files of a slide to a local folder, from other folders or from servers."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any

from wsi_refocus.errors import SlideError
from wsi_refocus.storage.filesystems import filesystem_of
from wsi_refocus.storage.objects import remote_object
from wsi_refocus.storage.ranges import RemoteFile, asked, first_piece
from wsi_refocus.storage.refusals import refusal
from wsi_refocus.storage.sources import Source, SourceFile
from wsi_refocus.storage.urls import is_remote, public

PART = 2**23
"""Bytes that are copied at a time."""
SIDE_BY_SIDE = 4
"""Parts that are on their way at once."""


def copy_files(source: Source, folder: Path, advance: Callable[[int], object]) -> None:
    """Copy all files of a slide.

    Parameters
    ----------
    source
        The files.
    folder
        Empty folder, which is made if needed; after an error it holds an unfinished copy.
    advance
        Called with the bytes that were copied since the last call.

    Raises
    ------
    SlideError
        If a file cannot be read, or changed while it was copied.
    NoSpaceError
        If the disk or the quota is full.
    OutputError
        If the copy cannot be written for another reason.
    """
    pool = ThreadPoolExecutor(SIDE_BY_SIDE, "copying")
    try:
        pending = [pool.submit(piece) for file in source.files for piece in _pieces(file, folder / file.name)]
        _wait(pending, advance)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    for file in source.files:
        _check(file, folder / file.name)


def _wait(pending: list[Future[int]], advance: Callable[[int], object]) -> None:
    for done in as_completed(pending):
        advance(done.result())


def _pieces(file: SourceFile, target: Path) -> Iterator[Callable[[], int]]:
    """Tasks that together copy a file; each returns how many bytes it copied."""
    _prepare(target)
    if not is_remote(file.place):
        yield partial(_copy_local, file, target)
    elif file.size <= PART:
        yield partial(_copy_small, file, target)
    elif not first_piece(file.place).partial:
        yield partial(_copy_stream, file, target)
    else:
        opened = RemoteFile(file.place)
        for start in range(0, file.size, PART):
            yield partial(_copy_part, opened, start, target)


def _prepare(target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    except OSError as error:
        raise refusal(str(target), error) from error


def _copy_local(file: SourceFile, target: Path) -> int:
    copied = 0
    try:
        source = Path(file.place).open("rb")  # noqa: SIM115 - closed below, as its errors are others than the target's
    except OSError as error:
        raise _unread(file, error) from error
    with source:
        while True:
            try:
                block = source.read(PART)
            except OSError as error:
                raise _unread(file, error) from error
            if not block:
                return copied
            _write(target, copied, block)
            copied += len(block)


def _copy_small(file: SourceFile, target: Path) -> int:
    data = asked(remote_object(file.place).whole, file.place).data
    _write(target, 0, data)
    return len(data)


def _copy_part(opened: RemoteFile, start: int, target: Path) -> int:
    data = opened.read_at(start, PART)
    _write(target, start, data)
    return len(data)


def _copy_stream(file: SourceFile, target: Path) -> int:
    """Copy from a server that sends whole files only: from the start again when it is cut."""
    filesystem, path = filesystem_of(file.place)

    def get() -> int:
        with _Target(target, "wb") as out:
            filesystem.get_file(path, out)
            return out.tell()

    return asked(get, file.place)


def _write(target: Path, offset: int, data: bytes) -> None:
    with _Target(target, "r+b") as out:
        out.seek(offset)
        out.write(data)


class _Target(io.FileIO):
    """File that writes all it is given, and explains why where it cannot."""

    def __init__(self, path: Path, mode: str) -> None:
        try:
            super().__init__(path, mode)
        except OSError as error:
            raise refusal(str(path), error) from error

    def write(self, data: Any) -> int:
        left = memoryview(data)
        try:
            while left:
                left = left[super().write(left) or 0 :]
        except OSError as error:
            raise refusal(str(self.name), error) from error
        return len(data)


def _check(file: SourceFile, target: Path) -> None:
    """Refuse a copy of a file that became another meanwhile."""
    changed = target.stat().st_size != file.size
    if not is_remote(file.place):
        try:
            now = os.stat(file.place)  # noqa: PTH116 - beside the call that gave the state
        except OSError as error:
            raise _unread(file, error) from error
        changed |= (now.st_size, str(now.st_mtime_ns)) != (file.size, file.state)
    if changed:
        raise SlideError(f"{public(file.place)}: changed while it was copied; run again when it stays the same")


def _unread(file: SourceFile, error: OSError) -> SlideError:
    if isinstance(error, FileNotFoundError):
        return SlideError(f"{file.place}: vanished while it was copied; put it back, and run again")
    return SlideError(f"{file.place}: cannot be read ({error.strerror or error}); check the file and its permissions")
