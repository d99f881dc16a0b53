"""A real S3 server on loopback (moto), which remembers what it was asked, and can be told to fail."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

KEY, SECRET = "AKIATESTSECRETKEYNAME", "the-secret-that-must-not-be-seen"


@dataclass(frozen=True)
class Asked:
    """A request: method, path with bucket, query, and the header Range."""

    method: str
    path: str
    query: str
    range: str | None

    @property
    def lists(self) -> bool:
        """Whether it asks for a listing of a bucket."""
        return self.method == "GET" and ("list-type" in self.query or "prefix=" in self.query)


Answer = Callable[[Asked], "str | None"]


@dataclass
class S3Server:
    """The server.

    ``fail`` is asked before each request: None lets it through; a status such as ``"503 Slow Down"`` is answered
    instead; ``"cut"`` sends half of the answer and closes the connection.
    """

    application: Any
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    fail: Answer | None = None
    _client: Any = None

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        asked = Asked(
            environ["REQUEST_METHOD"], environ["PATH_INFO"], environ.get("QUERY_STRING", ""), environ.get("HTTP_RANGE")
        )
        self.asked.append(asked)
        how = None if self.fail is None else self.fail(asked)
        if how is None:
            return self.application(environ, start_response)  # type: ignore[no-any-return]
        if how == "cut":
            return [half(b"".join(self.application(environ, start_response)))]
        code = how.partition(" ")[2].replace(" ", "")
        start_response(how, [("Content-Type", "application/xml")])
        if asked.method == "HEAD":
            return []
        return [f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{how}</Message></Error>".encode()]

    def client(self) -> Any:
        """A boto3 client with the server's credentials; always the same, as making one takes long."""
        import boto3

        if self._client is None:
            self._client = boto3.client(
                "s3",
                endpoint_url=self.url,
                aws_access_key_id=KEY,
                aws_secret_access_key=SECRET,
                region_name="us-east-1",
            )
        return self._client

    def put(self, bucket: str, local: Path, key: str) -> str:
        """Upload a file or a folder; returns its URL."""
        client = self.client()
        if local.is_dir():
            for file in (path for path in local.rglob("*") if path.is_file()):
                client.upload_file(str(file), bucket, f"{key}/{file.relative_to(local).as_posix()}")
        else:
            client.upload_file(str(local), bucket, key)
        return f"s3://{bucket}/{key}"


def half(content: bytes) -> bytes:
    """First half of an answer."""
    return content[: len(content) // 2]


def environment(url: str) -> dict[str, str]:
    """Variables by which S3 clients find the server."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
    }


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - its name in the base
        """Say nothing."""


@contextmanager
def running_s3() -> Iterator[S3Server]:
    """Start a server on a free port, in a thread of its own, and stop it in the end."""
    server = S3Server(DomainDispatcherApplication(create_backend_app))
    http = make_server("127.0.0.1", 0, server, threaded=True, request_handler=_Quiet)
    server.url = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, args=(0.02,), name="s3")
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()
