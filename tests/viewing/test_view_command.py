"""``wsi-refocus view`` as a user starts and ends it."""

import json
import re
import socket
import urllib.request
from pathlib import Path

from tests.cli.command import call
from tests.viewing.running import viewing


def fetch(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=20) as answer:
        content: bytes = answer.read()
        return content


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_serve(output: Path) -> None:
    port = free_port()
    with viewing(output, "--serve", "--port", str(port)) as (address, _):
        assert address == f"http://127.0.0.1:{port}/result/"
        document = "zarr.json" if (output / "zarr.json").exists() else ".zattrs"
        assert json.loads(fetch(address + document)) == json.loads((output / document).read_text())


def test_show(output: Path) -> None:
    with viewing(output, "--no-browser") as (address, said):
        assert b"<html" in fetch(address).lower()
        assert "refocused blue" in said


def test_a_port_in_use(output: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = call("view", output, "--serve", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 2
    assert re.fullmatch(r"wsi-refocus: port \d+ cannot be used .*\n", done.stderr)


def test_what_is_no_output(tmp_path: Path, two_shots: Path) -> None:
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "absent.ome.zarr", tmp_path / "folder", two_shots):
        done = call("view", path)
        assert done.returncode == 3
        assert done.stdout == ""
        assert done.stderr.startswith(f"wsi-refocus: {path}: ")
        assert done.stderr.count("\n") == 1
