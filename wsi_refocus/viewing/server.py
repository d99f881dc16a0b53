"""A small web server that shows stores to viewers: cross-origin, with byte ranges, and nothing but what was named."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Protocol, Self
from urllib.parse import unquote, urlsplit

LOOPBACK = "127.0.0.1"
_RANGE = re.compile(r"bytes=(\d*)-(\d*)$")


class Mount(Protocol):
    """Something that holds content under keys."""

    def size(self, key: str) -> int | None:
        """Length in bytes of what lies under a key; None if there is nothing."""
        ...

    def read(self, key: str, start: int, stop: int) -> bytes:
        """Bytes ``start`` to ``stop`` of what lies under a key."""
        ...


@dataclass(frozen=True, slots=True)
class FolderMount:
    """Files of a folder; nothing outside it, whatever the key says.

    Attributes
    ----------
    folder : Path
        The folder.
    """

    folder: Path

    def size(self, key: str) -> int | None:
        """Length of a file; None for what is absent, no file, or outside the folder."""
        path = self._path(key)
        return path.stat().st_size if path is not None and path.is_file() else None

    def read(self, key: str, start: int, stop: int) -> bytes:
        """Part of a file."""
        path = self._path(key)
        if path is None:
            raise FileNotFoundError(key)
        with path.open("rb") as file:
            file.seek(start)
            return file.read(stop - start)

    def _path(self, key: str) -> Path | None:
        root = self.folder.resolve()
        path = (root / key).resolve()
        return path if path.is_relative_to(root) else None


class StoreServer:
    """Serves mounts on this machine alone, in a thread of its own, until it is closed.

    Parameters
    ----------
    mounts
        First part of the address, and what lies under it.
    port
        Port; 0 for a free one.
    host
        Address to bind to.
    """

    def __init__(self, mounts: Mapping[str, Mount], port: int = 0, host: str = LOOPBACK) -> None:
        handler = type("Handler", (_Handler,), {"mounts": dict(mounts)})
        self._server = ThreadingHTTPServer((host, port), handler)
        self._server.daemon_threads = True
        self.address = f"http://{host}:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class _Handler(BaseHTTPRequestHandler):
    """Answers GET, HEAD and OPTIONS."""

    mounts: Mapping[str, Mount] = {}
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Send content, whole or a range of it."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """Say how long content is."""
        self._answer(body=False)

    def do_OPTIONS(self) -> None:
        """Allow what a browser asks before it crosses origins."""
        self._head(HTTPStatus.NO_CONTENT, 0)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing; viewers ask for thousands of chunks."""

    def _answer(self, body: bool) -> None:
        prefix, _, key = unquote(urlsplit(self.path).path).lstrip("/").partition("/")
        mount = self.mounts.get(prefix)
        size = mount.size(key) if mount is not None and key else None
        if mount is None or size is None:
            self._head(HTTPStatus.NOT_FOUND, 0)
            return
        wanted = requested_range(self.headers.get("Range"), size)
        if wanted is None:
            self._head(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, 0, {"Content-Range": f"bytes */{size}"})
            return
        start, stop, partial = wanted
        extra = {"Content-Type": mimetypes.guess_type(key)[0] or "application/octet-stream"}
        if partial:
            extra["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
        self._head(HTTPStatus.PARTIAL_CONTENT if partial else HTTPStatus.OK, stop - start, extra)
        if body:
            self.wfile.write(mount.read(key, start, stop))

    def _head(self, status: HTTPStatus, length: int, extra: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
        self.send_header("Access-Control-Allow-Headers", "*")
        self.send_header("Access-Control-Expose-Headers", "Content-Length, Content-Range, Accept-Ranges")
        for name, value in (extra or {}).items():
            self.send_header(name, value)
        self.end_headers()


def requested_range(header: str | None, size: int) -> tuple[int, int, bool] | None:
    """Read a range header.

    Parameters
    ----------
    header
        ``bytes=a-b``, ``bytes=a-`` or ``bytes=-n`` (the last n bytes); None for all. Lists of ranges and what is
        not understood are answered with all, as HTTP allows.
    size
        Length of the content in bytes.

    Returns
    -------
    tuple of (start, stop, whether it is a part) or None
        None where nothing of the range exists.
    """
    found = _RANGE.match(header) if header else None
    if found is None or found.groups() == ("", ""):
        return 0, size, False
    first, last = found.groups()
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1) if last else size
    return (start, stop, True) if start < stop else None
