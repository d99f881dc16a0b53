"""A small web server on loopback that sends ranges, counts what it is asked, and has all the faults of real ones."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

Fault = Callable[[str, "str | None"], "int | str | None"]


class WebServer(http.server.ThreadingHTTPServer):
    """The server of a folder.

    ``fault`` is asked before each answer, with path and Range: a number is the status that is answered; ``"cut"``
    closes the connection after half of the body; ``"hang up"`` before any of it; ``"whole"`` ignores the range;
    ``"slow"`` waits for 0.3 s; None answers as it should.
    """

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.asked: list[tuple[str, str, str | None]] = []
        self.sent = 0
        self.fault: Fault = lambda path, wanted: None
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep quiet of clients that went away."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: WebServer

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its name in the base
        """Keep quiet."""

    def do_GET(self) -> None:
        path, wanted = unquote(urlsplit(self.path).path), self.headers.get("Range")
        self.server.asked.append((self.command, path, wanted))
        fault = self.server.fault(path, wanted)
        if fault == "slow":
            time.sleep(0.3)
        if fault == "hang up":
            self.close_connection = True
            return
        file = self.server.folder / path.lstrip("/")
        if isinstance(fault, int) or not file.is_file():
            self._head(fault if isinstance(fault, int) else 404, {"Content-Length": "0"})
            return
        known = file.stat()
        status, headers = 200, {"ETag": f'"{known.st_ino}-{known.st_size}-{known.st_mtime_ns}"'}
        start, stop = 0, known.st_size
        if wanted is not None and fault != "whole":
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start = int(first) if first else max(0, stop - int(last))
            if start >= stop:
                self._head(416, {"Content-Length": "0", "Content-Range": f"bytes */{stop}"})
                return
            stop = min(int(last) + 1, stop) if first and last else stop
            status = 206
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{known.st_size}"
        with file.open("rb") as opened:
            opened.seek(start)
            body = opened.read(stop - start)
        self._head(status, headers | {"Content-Length": str(len(body))})
        body = body[: len(body) // 2] if fault == "cut" else body
        self.server.sent += len(body)
        self.wfile.write(body)
        self.close_connection = fault == "cut"

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


@contextmanager
def running_web_server(folder: Path) -> Iterator[WebServer]:
    """Serve a folder on a free port, in a thread of its own."""
    server = WebServer(folder)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="web")
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
