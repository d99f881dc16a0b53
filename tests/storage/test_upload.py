"""Uploads to a real S3 server: in which order, what is sent again, and what a killed one leaves behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.storage.s3_server import KEY, SECRET, Asked, S3Server
from wsi_refocus.errors import OutputError
from wsi_refocus.geometry import Size
from wsi_refocus.ngff.layout import StoreLayout
from wsi_refocus.ngff.metadata import LAST_DOCUMENTS, SlideMetadata, finish_store
from wsi_refocus.ngff.store import create_store, write_shard
from wsi_refocus.storage.upload import UploadProgress, require_free, upload_file, upload_output

UPLOAD = """
import sys
from pathlib import Path
from wsi_refocus.ngff.metadata import LAST_DOCUMENTS
from wsi_refocus.pipeline.progress import Silence
from wsi_refocus.storage.upload import upload_output
upload_output(Path(sys.argv[1]), sys.argv[2], root_documents=LAST_DOCUMENTS, progress=Silence())
"""


class Heard:
    """Progress that remembers the counts."""

    total = done = 0
    stopped = False

    def start(self, stage: str, total: int, unit: str) -> None:
        assert (stage, unit) == ("upload", "files")
        self.total = total

    def advance(self, done: int) -> None:
        self.done += done

    def stop(self) -> None:
        self.stopped = True


def make_output(folder: Path, version: str, seed: int) -> Path:
    """A finished output of 1100 × 600 pixels: three levels."""
    layout = StoreLayout(Size(1100, 600), (0.5, 0.5), version=version, shard=512)  # type: ignore[arg-type]
    create_store(folder, layout)
    rng = np.random.default_rng(seed)
    for index in layout.shards:
        write_shard(folder, layout, index, rng.integers(0, 256, (*layout.shard_region(index).size, 3), np.uint8))
    finish_store(folder, layout, SlideMetadata("slide", layout.mpp), {"statement": "made of noise"})
    return folder


@pytest.fixture(scope="module")
def output(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of OME-NGFF 0.5, unless a test asks for another version."""
    version = getattr(request, "param", "0.5")
    return make_output(tmp_path_factory.mktemp("upload") / "case.ome.zarr", version, seed=1)


pytestmark = pytest.mark.faults  # test_delivery.py has the short form

_LONG = (("0.5", True), ("0.4", False))
both_versions = pytest.mark.parametrize("output", ["0.5", "0.4"], indirect=True)


@pytest.fixture(scope="module")
def another(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With one file that ``output`` does not have."""
    folder = make_output(tmp_path_factory.mktemp("another") / "case.ome.zarr", "0.5", seed=2)
    (folder / "only-here.txt").write_text("of an earlier run")
    return folder


@pytest.fixture
def url(bucket: str) -> str:
    return f"s3://{bucket}/results/case.ome.zarr"


def upload(folder: Path, url: str, progress: UploadProgress | None = None) -> None:
    upload_output(folder, url, root_documents=LAST_DOCUMENTS, progress=progress or Heard())


def held(s3: S3Server, url: str) -> dict[str, bytes]:
    """Objects below a URL."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    client = s3.client()
    found = client.list_objects_v2(Bucket=bucket, Prefix=f"{key}/").get("Contents", [])
    return {
        each["Key"].removeprefix(f"{key}/"): client.get_object(Bucket=bucket, Key=each["Key"])["Body"].read()
        for each in found
    }


def put(s3: S3Server, url: str, content: bytes) -> None:
    bucket, _, key = url.removeprefix("s3://").partition("/")
    s3.client().put_object(Bucket=bucket, Key=key, Body=content)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def sent(s3: S3Server) -> list[str]:
    """Names of the objects that were put, in their order."""
    return [each.path.partition(".zarr/")[2] for each in s3.asked if each.method == "PUT"]


def is_open(found: dict[str, bytes]) -> bool:
    """Whether a reader might take the objects for a slide."""
    return "zarr.json" in found or ".zattrs" in found


@both_versions
def test_all_files_arrive_with_the_root_documents_last(s3: S3Server, url: str, output: Path) -> None:
    heard = Heard()
    upload(output, url, heard)
    order = sent(s3)
    assert held(s3, url) == contents(output)
    last = [name for name in LAST_DOCUMENTS if (output / name).is_file()]
    assert order[0] == "checksums.json"
    assert order[-len(last) :] == last
    assert heard.done == heard.total == len(contents(output))
    assert heard.stopped


def test_what_is_there_is_not_sent_again_and_never_asked_for_one_by_one(s3: S3Server, url: str, output: Path) -> None:
    upload(output, url)
    name = next(name for name in contents(output) if name.startswith("0/c/") or name.startswith("0/0/"))
    put(s3, f"{url}/{name}", contents(output)[name][::-1])  # as long as it was, but something else
    s3.asked.clear()
    upload(output, url)
    asked = list(s3.asked)
    assert [each for each in asked if each.method == "HEAD"] == []
    assert sum(each.lists for each in asked) <= 4
    assert set(sent(s3)) <= {name, *LAST_DOCUMENTS}
    assert held(s3, url) == contents(output)


@both_versions
def test_an_earlier_output_first_stops_looking_like_one(s3: S3Server, url: str, output: Path, another: Path) -> None:
    upload(another, url)
    s3.asked.clear()
    upload(output, url)
    changes = [(each.method, each.path.partition(".zarr/")[2]) for each in s3.asked if each.method in ("PUT", "DELETE")]
    assert changes[0] == ("DELETE", "zarr.json")
    assert held(s3, url) == contents(output)


@pytest.mark.parametrize("name", ["scan.svs", "zarr.json", "other.zarr/0/c/0/0/0", "checksums.json"])
def test_what_is_not_ours_is_not_touched(s3: S3Server, url: str, output: Path, name: str) -> None:
    put(s3, f"{url}/{name}", b'{"of": "somebody"}')
    for refused in (lambda: upload(output, url), lambda: require_free(url, LAST_DOCUMENTS)):
        with pytest.raises(OutputError, match="not written by wsi-refocus"):
            refused()
    assert held(s3, url) == {name: b'{"of": "somebody"}'}


def test_a_neighbour_whose_name_begins_alike_is_not_touched(s3: S3Server, url: str, output: Path) -> None:
    put(s3, f"{url}2/precious", b"of a neighbour")
    upload(output, url)
    assert held(s3, f"{url}2") == {"precious": b"of a neighbour"}


def test_a_bucket_that_is_not_there_is_told_in_one_line(s3: S3Server, output: Path) -> None:
    url = "s3://no-such-bucket-anywhere/case.ome.zarr"
    for refused in (lambda: upload(output, url), lambda: upload_file(output / "checksums.json", f"{url}.json")):
        with pytest.raises(OutputError, match="no such bucket") as caught:
            refused()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("how", ["500 Internal Error", "503 Slow Down", "cut"])
def test_errors_that_pass_cost_nothing(
    s3: S3Server, url: str, output: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wsi_refocus.storage.retries.FIRST_WAIT", 0.01)
    known: set[Asked] = set()

    def fail_at_first(asked: Asked) -> str | None:
        if asked in known:
            return None
        known.add(asked)
        return how

    s3.fail = fail_at_first
    upload(output, url)
    s3.fail = None
    assert len(known) > len(contents(output))
    assert held(s3, url) == contents(output)


def test_errors_that_stay_leave_nothing_that_looks_finished(
    s3: S3Server, url: str, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wsi_refocus.storage.retries.FIRST_WAIT", 0.01)
    s3.fail = lambda asked: "503 Slow Down" if asked.method == "PUT" and "/0/" in asked.path else None
    with pytest.raises(OutputError, match="HTTP 503") as caught:
        upload(output, url)
    message = str(caught.value)
    assert "\n" not in message
    assert SECRET not in message
    assert KEY not in message
    assert not is_open(held(s3, url))
    s3.fail = None
    upload(output, url)
    assert held(s3, url) == contents(output)


@pytest.mark.parametrize(
    ("output", "replacing"),
    [
        ("0.5", False),
        pytest.param("0.4", True, marks=pytest.mark.faults),
        *(pytest.param(*each, marks=pytest.mark.faults) for each in _LONG),
    ],
    indirect=["output"],
)
def test_an_upload_that_is_killed_never_looks_finished(
    s3: S3Server, url: str, output: Path, another: Path, replacing: bool
) -> None:
    """Kill it at several of its changes, again and again; each one goes on from where the last one was."""
    if replacing:
        upload(another, url)
    wanted = contents(output)
    seen: list[set[str]] = []
    for number in (1, 2, 4):
        process = _started(s3, output, url, number)
        assert process.wait(60) == -signal.SIGKILL
        s3.fail = None
        found = held(s3, url)
        earlier_is_whole = replacing and found == contents(another)
        assert earlier_is_whole or not is_open(found)
        seen.append({name for name, content in found.items() if wanted.get(name) == content})
    assert seen[-1] or replacing
    assert seen[0] <= seen[1] <= seen[2]
    upload(output, url)
    assert held(s3, url) == wanted


def _started(s3: S3Server, output: Path, url: str, number: int) -> "subprocess.Popen[bytes]":
    """Start an upload that is killed while the server works at its n-th change; what follows does not arrive."""
    changes = iter(range(1, 10**6))
    process: list[subprocess.Popen[bytes]] = []

    def fail(asked: Asked) -> str | None:
        change = next(changes) if asked.method in ("PUT", "DELETE") else 0
        if change == number:
            process[0].kill()
        return "503 Slow Down" if change > number else None

    s3.fail = fail
    process.append(subprocess.Popen([sys.executable, "-c", UPLOAD, output, url], env=dict(os.environ)))
    return process[0]
