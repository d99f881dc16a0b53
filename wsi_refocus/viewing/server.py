"""A small web server that shows stores to viewers: cross-origin, with byte ranges, and nothing but what was named."""

from __future__ import annotations

import logging
import mimetypes
import re
import sys
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from wsi_refocus.errors import RefocusError, UsageError
from wsi_refocus.viewing.mounts import Mount

logger = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
_POLL = 0.05
"""Seconds until a server notices that it is to stop."""
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})$")


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

    Raises
    ------
    UsageError
        If the port cannot be used.
    """

    def __init__(self, mounts: Mapping[str, Mount], port: int = 0, host: str = LOOPBACK) -> None:
        handler = type("Handler", (_Handler,), {"mounts": dict(mounts)})
        try:
            self._server = _Server((host, port), handler)
        except OSError as error:
            raise port_error(port, error) from error
        self.address = f"http://{host}:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, args=(_POLL,), daemon=True)
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


def port_error(port: int, cause: OSError) -> UsageError:
    """One clear line for a port that cannot be bound."""
    return UsageError(f"port {port} cannot be used ({cause.strerror or cause}); choose another --port, or 0 for any")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Viewers drop requests whenever somebody pans; that is no error."""
        logger.debug("a request from %s ended early: %s", client_address, sys.exception())


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
        try:
            content = mount.read(key, start, stop) if body else b""
        except (RefocusError, OSError) as error:
            logger.warning("%s cannot be shown: %s", self.path, error)
            self._head(HTTPStatus.INTERNAL_SERVER_ERROR, 0)
            return
        extra = {"Content-Type": mimetypes.guess_type(key)[0] or "application/octet-stream"}
        if partial:
            extra["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
        self._head(HTTPStatus.PARTIAL_CONTENT if partial else HTTPStatus.OK, stop - start, extra)
        self.wfile.write(content)

    def _head(self, status: HTTPStatus, length: int, extra: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        if status is not HTTPStatus.NO_CONTENT:
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
    first, last = found.groups() if found else ("", "")
    backwards = first and last and int(first) > int(last)
    if not (first or last) or backwards:
        return 0, size, False
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1) if last else size
    return (start, stop, True) if start < stop else None
