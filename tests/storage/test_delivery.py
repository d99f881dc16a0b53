"""Slides from a bucket, results into a bucket, with a real S3 server; also when things go wrong."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.storage.s3_server import KEY, SECRET, Asked, S3Server
from tests.support.two_shot import tissue, two_planes, write_ome_tiff
from wsi_refocus.archive.delivery import Delivery, deliver
from wsi_refocus.config import RunSettings
from wsi_refocus.errors import OutputError, OutputExistsError

SETTINGS = RunSettings(method="mean", workers=0, threads=2)
ROOT = "out.ome.zarr/zarr.json"
EARLIER = b'{"attributes": {"wsi_refocus": {}}}'


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small slide, refocused beside it."""
    folder = tmp_path_factory.mktemp("local")
    write_ome_tiff(folder / "slide.ome.tiff", two_planes(tissue((700, 900), seed=4)), mpp=0.5)
    deliver(str(folder / "slide.ome.tiff"), None, str(folder / "out.ome.zarr"), SETTINGS, Delivery())
    return folder


def objects(s3: S3Server, bucket: str) -> dict[str, bytes]:
    """All objects of a bucket."""
    client = s3.client()
    found = client.list_objects_v2(Bucket=bucket).get("Contents", [])
    return {each["Key"]: client.get_object(Bucket=bucket, Key=each["Key"])["Body"].read() for each in found}


def arrays(files: dict[str, bytes]) -> dict[str, bytes]:
    """Those of the levels."""
    return {name: content for name, content in files.items() if name.split("/")[1].isdigit()}


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        f"out.ome.zarr/{path.relative_to(folder).as_posix()}": path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_from_bucket_to_bucket(s3: S3Server, bucket: str, local: Path, tmp_path: Path) -> None:
    slide = s3.put(bucket, local / "slide.ome.tiff", "in/slide.ome.tiff")
    s3.asked.clear()
    url = f"s3://{bucket}/out.ome.zarr"
    done = deliver(slide, None, url, SETTINGS, Delivery(scratch=str(tmp_path), export="ome-tiff"))
    assert done.summary.output == url
    assert done.report == f"{url}/report/index.html"
    assert done.exports == (f"s3://{bucket}/out.ome.tiff",)
    found = objects(s3, bucket)
    assert arrays({name: each for name, each in found.items() if name.startswith("out.ome.zarr")}) == arrays(
        files_of(local / "out.ome.zarr")
    )
    assert {"out.ome.tiff", ROOT, "out.ome.zarr/report/index.html"} <= found.keys()
    puts = [each.path for each in s3.asked if each.method == "PUT" and ".ome.zarr" in each.path]
    assert puts[-1].endswith("/zarr.json")
    listings = sum(each.lists for each in s3.asked)
    assert listings <= 6  # at the start, before and after the upload, each of two requests; never for each file
    assert not list((tmp_path / "staging").iterdir())
    provenance = json.loads(found[ROOT])["attributes"]["wsi_refocus"]
    assert provenance["source"]["paths"] == [slide]
    for content in found.values():
        assert SECRET.encode() not in content
        assert KEY.encode() not in content


@pytest.mark.faults
def test_what_an_earlier_batch_brought_is_recognised(s3: S3Server, bucket: str, local: Path, tmp_path: Path) -> None:
    slide, url, scratch = str(local / "slide.ome.tiff"), f"s3://{bucket}/out.ome.zarr", Delivery(scratch=str(tmp_path))
    first = deliver(slide, None, url, SETTINGS, scratch, accept_finished=True)
    s3.asked.clear()
    again = deliver(slide, None, url, SETTINGS, scratch, accept_finished=True)
    assert (again.summary.tiles, again.summary.levels) == (first.summary.tiles, first.summary.levels)
    assert again.report == first.report
    assert not [each for each in s3.asked if each.method == "PUT"]
    with pytest.raises(OutputExistsError, match="--overwrite"):
        deliver(slide, None, url, SETTINGS.model_copy(update={"method": "sharpest"}), scratch, accept_finished=True)


@pytest.mark.faults
def test_a_result_that_is_there_is_refused_and_replaced_only_on_demand(
    s3: S3Server, bucket: str, local: Path, tmp_path: Path
) -> None:
    slide, url = str(local / "slide.ome.tiff"), f"s3://{bucket}/out.ome.zarr"
    s3.client().put_object(Bucket=bucket, Key=ROOT, Body=EARLIER)
    s3.client().put_object(Bucket=bucket, Key="out.ome.zarr/stale", Body=b"of an earlier one")
    with pytest.raises(OutputExistsError, match="--overwrite"):
        deliver(slide, None, url, SETTINGS, Delivery(scratch=str(tmp_path)))
    assert objects(s3, bucket)[ROOT] == EARLIER
    deliver(slide, None, url, SETTINGS.model_copy(update={"overwrite": True}), Delivery(scratch=str(tmp_path)))
    found = objects(s3, bucket)
    assert "out.ome.zarr/stale" not in found
    assert arrays(found) == arrays(files_of(local / "out.ome.zarr"))
    order = [(each.method, each.path.partition(".zarr/")[2]) for each in s3.asked if each.method in ("DELETE", "PUT")]
    assert order[2] == ("DELETE", "zarr.json")  # after the two puts of this test


@pytest.mark.parametrize(
    "how",
    [
        "cut",
        pytest.param("503 Slow Down", marks=pytest.mark.faults),
        pytest.param("500 Internal Error", marks=pytest.mark.faults),
    ],
)
@pytest.mark.faults
def test_a_server_that_stumbles_costs_nothing(s3: S3Server, bucket: str, local: Path, tmp_path: Path, how: str) -> None:
    known: set[Asked] = set()

    def fail_first(asked: Asked) -> str | None:
        is_first = asked not in known
        known.add(asked)
        return how if is_first else None

    s3.fail = fail_first
    deliver(
        str(local / "slide.ome.tiff"), None, f"s3://{bucket}/out.ome.zarr", SETTINGS, Delivery(scratch=str(tmp_path))
    )
    s3.fail = None
    assert arrays(objects(s3, bucket)) == arrays(files_of(local / "out.ome.zarr"))


@pytest.mark.faults
def test_a_server_that_takes_nothing_is_told_in_one_line(
    s3: S3Server, bucket: str, local: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wsi_refocus.storage.retries.FIRST_WAIT", 0.01)
    s3.fail = lambda asked: "403 Access Denied" if asked.method == "PUT" else None
    url, scratch = f"s3://{bucket}/out.ome.zarr", Delivery(scratch=str(tmp_path))
    with pytest.raises(OutputError, match="access is denied") as caught:
        deliver(str(local / "slide.ome.tiff"), None, url, SETTINGS, scratch)
    assert "\n" not in str(caught.value)
    s3.fail = None
    before = len(s3.asked)
    deliver(str(local / "slide.ome.tiff"), None, url, SETTINGS, scratch)  # goes on with the upload
    assert s3.asked[before:]
    assert arrays(objects(s3, bucket)) == arrays(files_of(local / "out.ome.zarr"))


def killing(process: list[subprocess.Popen[bytes]], after: int) -> Callable[[Asked], str | None]:
    """Kill a process at its n-th upload of a file."""
    uploads = 0

    def fail(asked: Asked) -> str | None:
        nonlocal uploads
        uploads += asked.method == "PUT"
        if uploads == after:
            process[0].send_signal(signal.SIGKILL)
            return "cut"
        return None

    return fail


@pytest.mark.parametrize("after", [9, *(pytest.param(n, marks=pytest.mark.faults) for n in (1, 4))])
def test_an_upload_that_is_killed_never_looks_finished(
    s3: S3Server, bucket: str, local: Path, tmp_path: Path, after: int
) -> None:
    command = [sys.executable, "-m", "wsi_refocus_cli", "run", str(local / "slide.ome.tiff"), "-q"]
    command += ["-o", f"s3://{bucket}/out.ome.zarr", "--scratch", str(tmp_path)]
    command += ["--method", "mean", "--workers", "0", "--threads", "2"]
    started: list[subprocess.Popen[bytes]] = []
    s3.fail = killing(started, after)
    started.append(subprocess.Popen(command, env={**os.environ}))
    assert started[0].wait(60) == -signal.SIGKILL
    s3.fail = None
    assert ROOT not in objects(s3, bucket)
    assert subprocess.run(command, check=False).returncode == 0
    assert arrays(objects(s3, bucket)) == arrays(files_of(local / "out.ome.zarr"))
    assert ROOT in objects(s3, bucket)
