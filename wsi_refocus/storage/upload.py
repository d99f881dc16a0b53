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
from wsi_refocus.storage.objects import remote_object
from wsi_refocus.storage.retries import retried
from wsi_refocus.storage.urls import join, public

logger = logging.getLogger(__name__)

_AT_ONCE = 8
"""Files that are on their way at once."""
_FIRST = "checksums.json"
"""File that every output has, and that is sent before all others: by it an unfinished upload is known as one."""
_SIGNS = (b'"wsi_refocus"', b'"hash_of_files"')
"""What is in the root documents of an output, and in its checksums."""

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
    """Whether there is an object behind a URL; one request, and no listing.

    Raises
    ------
    OutputError
        If its server does not say.
    """
    try:
        _asked(url, lambda: remote_object(url).part(0, 1))
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
    _put(system, file, path, url)


def require_free(url: str, root_documents: Sequence[str]) -> None:
    """Refuse a place that holds anything but an output, as objects that belong to no output are removed there.

    Parameters
    ----------
    url
        Where an output is going to be uploaded.
    root_documents
        As of `upload_output`.

    Raises
    ------
    OutputError
        If the place is taken by something else, or the bucket cannot be asked.
    """
    system, root = _writable(url)
    _require_ours(system, root, url, _listed(system, root, url), root_documents)


def upload_output(folder: Path, url: str, *, root_documents: Sequence[str], progress: UploadProgress) -> None:
    """Upload a finished output, its root documents last; an output that was there before is replaced.

    One listing says what is there already: what an interrupted upload has brought is not sent again, an earlier
    output loses its root documents before anything else is touched, and objects that do not belong to the output
    are removed. Where anything but an output lies, nothing is touched.

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
        If the place is taken by something else, or the bucket does not take it; then the same call goes on.
    """
    system, root = _writable(url)
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    last = [name for name in root_documents if name in files]
    there = _listed(system, root, url)
    _require_ours(system, root, url, there, root_documents)
    wanted = [name for name in files if name not in last and not _is_there(files[name], there.get(name))]
    gone = [name for name in root_documents if name in there]
    if gone and (wanted or any(not _is_there(files[name], there.get(name)) for name in last)):
        _remove(system, root, url, gone)
        there = {name: found for name, found in there.items() if name not in gone}
    stale = [name for name in there if name not in files]
    _remove(system, root, url, stale)

    def send(name: str) -> None:
        _put(system, files[name], f"{root}/{name}", url)
        progress.advance(1)

    progress.start("upload", len(wanted) + len(last), "files")
    try:
        for name in (name for name in wanted if name == _FIRST):
            send(name)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for _ in pool.map(send, (name for name in wanted if name != _FIRST)):
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


def _require_ours(
    system: Any, root: str, url: str, there: dict[str, dict[str, Any]], root_documents: Sequence[str]
) -> None:
    """Refuse a place with objects among which there is no document of an output, finished or not."""
    documents = [name for name in (*root_documents, _FIRST) if name in there]
    contents = (_asked(url, remote_object(join(url, name)).whole).data for name in documents)
    if there and not any(sign in content for content in contents for sign in _SIGNS):
        raise OutputError(
            f"{public(url)}: exists and was not written by wsi-refocus; choose another output with -o, as "
            "s3://bucket/NAME.ome.zarr"
        )


def _put(system: Any, file: Path, path: str, url: str) -> None:
    try:
        _asked(url, lambda: system.put_file(str(file), path))
    except FileNotFoundError as error:
        raise OutputError(
            f"{public(url)}: cannot be written (there is no such bucket); check its name, or make it first"
        ) from error


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
