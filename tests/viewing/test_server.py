"""What viewers ask of a server, asked over a real socket."""

import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import zarr

from wsi_refocus.errors import CorruptRegionError, UsageError
from wsi_refocus.viewing.mounts import FolderMount
from wsi_refocus.viewing.server import StoreServer

CONTENT = bytes(range(256)) * 4


class Broken:
    """A slide whose pixels cannot be decoded."""

    def size(self, key: str) -> int | None:
        return 10

    def read(self, key: str, start: int, stop: int) -> bytes:
        raise CorruptRegionError("slide.tiff: the tile at 0, 0 is damaged")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StoreServer]:
    store = tmp_path / "store"
    (store / "c" / "0").mkdir(parents=True)
    (store / "c" / "0" / "1").write_bytes(CONTENT)
    (store / "zarr.json").write_text(json.dumps({"zarr_format": 3}))
    (store / "empty").touch()
    (tmp_path / "secret").write_text("not served")
    (store / "link").symlink_to(tmp_path / "secret")
    with StoreServer({"result": FolderMount(store), "broken": Broken()}) as running:
        yield running


@pytest.fixture
def connection(server: StoreServer) -> Iterator[http.client.HTTPConnection]:
    address = urlsplit(server.address)
    assert address.hostname is not None
    opened = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
    yield opened
    opened.close()


def ask(
    connection: http.client.HTTPConnection, path: str, method: str = "GET", **headers: str
) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


def test_whole_content(connection: http.client.HTTPConnection) -> None:
    status, headers, body = ask(connection, "/result/c/0/1")
    assert (status, body) == (200, CONTENT)
    assert headers["Accept-Ranges"] == "bytes"
    assert ask(connection, "/result/zarr.json")[1]["Content-Type"] == "application/json"
    assert ask(connection, "/result/empty")[::2] == (200, b"")


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=10-19", 10, 19),
        ("bytes=1000-", 1000, 1023),
        ("bytes=1000-5000", 1000, 1023),
        ("bytes=-24", 1000, 1023),
        ("bytes=-9999", 0, 1023),
    ],
)
def test_ranges(connection: http.client.HTTPConnection, wanted: str, first: int, last: int) -> None:
    status, headers, body = ask(connection, "/result/c/0/1", Range=wanted)
    assert (status, body) == (206, CONTENT[first : last + 1])
    assert headers["Content-Range"] == f"bytes {first}-{last}/1024"


@pytest.mark.parametrize("wanted", ["bytes=1024-", "bytes=2000-3000", "bytes=-0"])
def test_ranges_of_which_nothing_exists(connection: http.client.HTTPConnection, wanted: str) -> None:
    status, headers, body = ask(connection, "/result/c/0/1", Range=wanted)
    assert (status, headers["Content-Range"], body) == (416, "bytes */1024", b"")


@pytest.mark.parametrize("wanted", ["bytes=0-1,4-5", "lines=1-2", "bytes=-", "bytes=9-3", f"bytes={'9' * 5000}-"])
def test_ranges_not_understood_get_everything(connection: http.client.HTTPConnection, wanted: str) -> None:
    assert ask(connection, "/result/c/0/1", Range=wanted)[::2] == (200, CONTENT)


def test_head_gives_lengths_without_content(connection: http.client.HTTPConnection) -> None:
    status, headers, body = ask(connection, "/result/c/0/1", method="HEAD")
    assert (status, headers["Content-Length"], body) == (200, "1024", b"")
    status, headers, body = ask(connection, "/result/c/0/1", method="HEAD", Range="bytes=-24")
    assert (status, headers["Content-Length"], body) == (206, "24", b"")


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("path", ["/result/c/0/1", "/result/absent"])
def test_other_origins_may_read(connection: http.client.HTTPConnection, method: str, path: str) -> None:
    """An absent chunk, too: a browser hides an answer without the header, and a viewer takes it for a failure."""
    status, headers, _ = ask(connection, path, method=method, Origin="https://viewer.example")
    assert status == (204 if method == "OPTIONS" else 404 if path.endswith("absent") else 200)
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Access-Control-Allow-Headers"] == "*"
    assert "Content-Range" in headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/result", "/result/", "/result/c", "/result/c/", "/other/zarr.json", "/result/c/0/2"),
        *("/result/../secret", "/result/%2e%2e/secret", "/result/c/..%2f..%2f../secret", "/result/link"),
        *("/result//etc/passwd", "/result/%2fetc/passwd", "/secret", "/../secret"),
        *("/result/%00", f"/result/{'a' * 400}", f"/result/{'a/' * 3000}b"),
    ],
)
def test_nothing_else_is_served(connection: http.client.HTTPConnection, path: str) -> None:
    assert ask(connection, path)[::2] == (404, b"")


def test_writing_is_refused(connection: http.client.HTTPConnection, tmp_path: Path) -> None:
    assert ask(connection, "/result/new", method="PUT")[0] == 501
    assert not (tmp_path / "store" / "new").exists()


def test_pixels_that_cannot_be_read(
    connection: http.client.HTTPConnection, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    status, headers, body = ask(connection, "/broken/0/0/0/0")
    assert (status, headers["Content-Length"], body) == (500, "0", b"")
    assert [record.message for record in caplog.records] == [
        "/broken/0/0/0/0 cannot be shown: slide.tiff: the tile at 0, 0 is damaged"
    ]
    assert ask(connection, "/result/c/0/1")[0] == 200
    assert "Traceback" not in capfd.readouterr().err


def test_viewers_that_go_away_leave_no_traceback(server: StoreServer, capfd: pytest.CaptureFixture[str]) -> None:
    address = urlsplit(server.address)
    for _ in range(5):
        with socket.create_connection((address.hostname, address.port)) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # reset instead of goodbye
            client.sendall(b"GET /result/c/0/1 HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
    assert ask(http.client.HTTPConnection(str(address.hostname), address.port), "/result/c/0/1")[0] == 200
    assert capfd.readouterr().err == ""


def test_only_this_machine_is_served(server: StoreServer) -> None:
    assert urlsplit(server.address).hostname == "127.0.0.1"


def test_a_port_in_use_is_named(server: StoreServer) -> None:
    port = urlsplit(server.address).port
    assert port is not None
    with pytest.raises(UsageError, match=f"port {port} cannot be used .*choose another --port"):
        StoreServer({}, port)


def test_sharded_store_is_read_through_ranges(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (3, 700, 900), np.uint8)
    array = zarr.create_array(
        tmp_path / "a", shape=pixels.shape, dtype="u1", chunks=(3, 128, 128), shards=(3, 512, 512)
    )
    array[...] = pixels
    with StoreServer({"a": FolderMount(tmp_path / "a")}) as server:
        remote = zarr.open_array(f"{server.address}/a", mode="r")
        assert np.array_equal(remote[:, 300:600, 500:880], pixels[:, 300:600, 500:880])
