"""Bringing a finished output, or a file, to a bucket, so that what is unfinished never looks finished."""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TypeVar

from wsi_refocus.errors import OutputError, RefocusError
from wsi_refocus.storage.failures import is_missing, reason
from wsi_refocus.storage.filesystems import filesystem_of, is_http
from wsi_refocus.storage.retries import retried
from wsi_refocus.storage.urls import public

logger = logging.getLogger(__name__)

_AT_ONCE = 8
"""Files that are on their way at once."""

Result = TypeVar("Result")


class UploadProgress(Protocol):
    """Receiver of how far an upload is."""

    def start(self, stage: str, total: int, unit: str) -> None:
        """A stage of ``total`` pieces of work begins."""
        ...

    def advance(self, done: int) -> None:
        """So many more pieces of the stage are done."""
        ...

    def stop(self) -> None:
        """The stage is over."""
        ...


def exists(url: str) -> bool:
    """Whether there is an object behind a URL; one request.

    Raises
    ------
    OutputError
        If its server does not say.
    """
    system, path = _writable(url)
    try:
        _asked(url, lambda: system.info(path))
    except FileNotFoundError:
        return False
    return True


def upload_file(file: Path, url: str) -> None:
    """Upload one file; an object appears when all of it is there.

    Raises
    ------
    OutputError
        If the bucket does not take it.
    """
    system, path = _writable(url)
    _asked(url, lambda: system.put_file(str(file), path))


def upload_output(folder: Path, url: str, *, root_documents: Sequence[str], progress: UploadProgress) -> None:
    """Upload a finished output, its root documents last; what was there before is replaced.

    One listing says what is there already: what an interrupted upload has brought is not sent again, an earlier
    output loses its root documents before anything else is touched, and objects that do not belong to the output
    are removed.

    Parameters
    ----------
    folder
        Folder of the output.
    url
        Where its files go, as ``s3://bucket/NAME.ome.zarr``.
    root_documents
        Names of the files without which nobody takes it for an output, in the order in which they are sent.
    progress
        Receiver of the progress.

    Raises
    ------
    OutputError
        If the bucket does not take it; the same call goes on.
    """
    system, root = _writable(url)
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    last = [name for name in root_documents if name in files]
    there = _listed(system, root, url)
    wanted = [name for name in files if name not in last and not _is_there(files[name], there.get(name))]
    gone = [name for name in root_documents if name in there]
    if gone and (wanted or any(not _is_there(files[name], there.get(name)) for name in last)):
        _remove(system, root, url, gone)
        there = {name: found for name, found in there.items() if name not in gone}
    stale = [name for name in there if name not in files]
    _remove(system, root, url, stale)

    def send(name: str) -> None:
        _asked(url, lambda: system.put_file(str(files[name]), f"{root}/{name}"))
        progress.advance(1)

    progress.start("upload", len(wanted) + len(last), "files")
    try:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for _ in pool.map(send, wanted):
                pass
        found = _listed(system, root, url)
        short = [name for name in files if name not in last and _size(found.get(name)) != files[name].stat().st_size]
        if short:
            raise OutputError(f"{public(url)}: {len(short)} files did not arrive whole, as {short[0]}; run again")
        for name in last:
            send(name)
    finally:
        progress.stop()


def _writable(url: str) -> tuple[Any, str]:
    if is_http(url):
        raise OutputError(f"{public(url)}: a web server takes no output; name a folder or a bucket, as s3://")
    system, path = filesystem_of(url)
    return system, path.rstrip("/")


def _asked(url: str, action: Callable[[], Result]) -> Result:
    """Ask a bucket, again where that may help.

    Raises
    ------
    FileNotFoundError
        If what is asked for is not there.
    OutputError
        If it fails for another reason.
    """
    try:
        return retried(action, url)
    except RefocusError:
        raise
    except Exception as error:  # file systems raise errors of many libraries, which have no base in common
        if is_missing(error):
            raise FileNotFoundError(public(url)) from error
        raise OutputError(f"{public(url)}: cannot be written ({reason(error)}); the same command goes on") from error


def _listed(system: Any, root: str, url: str) -> dict[str, dict[str, Any]]:
    """All objects below a place, by their names relative to it."""
    try:
        found = _asked(url, lambda: system.find(root, detail=True))
    except FileNotFoundError:
        return {}
    return {path[len(root) + 1 :]: info for path, info in found.items() if path.startswith(f"{root}/")}


def _size(info: dict[str, Any] | None) -> int | None:
    return None if info is None else info.get("size")


def _is_there(file: Path, info: dict[str, Any] | None) -> bool:
    """Whether an object is the file, by its length and its MD5, where the bucket's tag is that."""
    if info is None or _size(info) != file.stat().st_size:
        return False
    tag = str(info.get("ETag", "")).strip('"').lower()
    if len(tag) != 32:  # of several parts, or of another kind: sent again
        return False
    with file.open("rb") as content:
        return hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() == tag


def _remove(system: Any, root: str, url: str, names: Sequence[str]) -> None:
    for name in names:
        with contextlib.suppress(FileNotFoundError):
            _asked(url, lambda name=name: system.rm_file(f"{root}/{name}"))  # type: ignore[misc]
