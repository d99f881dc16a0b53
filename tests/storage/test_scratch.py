"""Copies on a fast disk: whole or not at all, used again, within a size, and in nobody's way."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from tests.storage.s3_server import S3Server
from tests.storage.web_server import WebServer, running_web_server
from tests.support.ome_zarr import write_ome_zarr
from tests.support.two_shot import Image, tissue, two_planes, write_ome_tiff
from wsi_refocus.errors import NoSpaceError, OutputError, SlideError, UsageError
from wsi_refocus.geometry import Region
from wsi_refocus.slide.open import SlideSpec, open_slide
from wsi_refocus.storage import retries
from wsi_refocus.storage.copying import PART
from wsi_refocus.storage.scratch import Scratch

KB = 1000


@pytest.fixture(scope="module")
def planes() -> tuple[Image, Image]:
    return two_planes(tissue((300, 400), seed=4))


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    monkeypatch.setattr(retries, "FIRST_WAIT", 0.01)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "served").mkdir()
    with running_web_server(tmp_path / "served") as server:
        yield server


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    return Scratch(str(tmp_path / "scratch"))


def file_of(path: Path, size: int, seed: int = 0) -> str:
    path.write_bytes(np.random.default_rng(seed).bytes(size))
    return str(path)


def copies_in(scratch: Scratch) -> dict[str, int]:
    """Bytes of the whole copies, by name of the slide."""
    records = [json.loads(file.read_text()) for file in Path(scratch.folder).glob("*/copy.json")]
    return {Path(record["of"]).name: sum(record["files"].values()) for record in records}


def debris_in(scratch: Scratch) -> list[str]:
    return [each.name for each in Path(scratch.folder).iterdir() if each.suffix in (".partial", ".bytes")]


def test_a_copy_is_the_slide_under_its_own_name(planes: tuple[Image, Image], tmp_path: Path, scratch: Scratch) -> None:
    path = str(write_ome_tiff(tmp_path / "slide.ome.tiff", planes, compression="deflate"))
    with scratch.copied([path]) as (copy,):
        assert copy.startswith(scratch.folder) and Path(copy).name == "slide.ome.tiff"
        assert Path(copy).read_bytes() == Path(path).read_bytes()
        spec = SlideSpec((path,), copies=(copy,))
        assert SlideSpec.from_json(json.loads(json.dumps(asdict(spec)))) == spec
        with spec.open() as slide, open_slide(path) as original:
            assert slide.info == original.info
            assert spec.fingerprint() == SlideSpec((path,)).fingerprint() == slide.info.fingerprint
            Path(path).unlink()  # nothing more of it is needed
            region = Region(10, 20, 100, 200)
            np.testing.assert_array_equal(slide.read_region(1, 0, region), planes[1][region.slices])
        written = Path(copy).stat().st_mtime_ns
    assert Path(copy).stat().st_mtime_ns == written


def test_errors_of_a_copy_speak_of_the_slide(planes: tuple[Image, Image], tmp_path: Path, scratch: Scratch) -> None:
    path = tmp_path / "slide.ome.tiff"
    write_ome_tiff(path, planes)
    path.write_bytes(path.read_bytes()[:5000])
    with scratch.copied([str(path)]) as (copy,):
        with pytest.raises(SlideError, match="truncated") as caught:
            SlideSpec((str(path),), copies=(copy,)).open()
        assert str(caught.value).startswith(f"{path}: ") and copy not in str(caught.value)
    gone = SlideSpec((str(path),), copies=(str(tmp_path / "gone"),))
    with pytest.raises(SlideError, match=r"its copy .*gone is not there; name a --scratch folder that all workers see"):
        gone.open()
    with pytest.raises(UsageError, match="1 slide files have 2 copies"):
        SlideSpec((str(path),), copies=(copy, copy))


def test_a_copy_is_made_once_and_again_when_the_slide_changes(tmp_path: Path, scratch: Scratch) -> None:
    path = file_of(tmp_path / "a.svs", 5000)
    with scratch.copied([path]) as (first,):
        pass
    inode = Path(first).stat().st_ino
    with scratch.copied([path]) as (again,):
        assert (again, Path(again).stat().st_ino) == (first, inode)
    file_of(tmp_path / "a.svs", 5000, seed=1)
    with scratch.copied([path]) as (other,):
        assert other != first
        assert Path(other).read_bytes() == Path(path).read_bytes()
    Path(other).write_bytes(b"spoilt")
    with scratch.copied([path]) as (mended,):
        assert mended == other and Path(mended).read_bytes() == Path(path).read_bytes()


def test_slides_of_many_files_are_copied_whole(planes: tuple[Image, Image], tmp_path: Path, scratch: Scratch) -> None:
    store = write_ome_zarr(tmp_path / "slide.ome.zarr", planes)
    mirax = file_of(tmp_path / "b.mrxs", 100)
    (tmp_path / "b").mkdir()
    file_of(tmp_path / "b" / "Data0.dat", 3000)
    (tmp_path / "series").mkdir()
    for number in range(3):
        file_of(tmp_path / "series" / f"{number}.dcm", 10 + number)
    dicom = str(tmp_path / "series" / "1.dcm")
    with scratch.copied([str(store), mirax, dicom]) as (store_copy, mirax_copy, dicom_copy):
        assert (Path(mirax_copy).with_suffix("") / "Data0.dat").stat().st_size == 3000
        assert sorted(each.name for each in Path(dicom_copy).parent.iterdir()) == ["0.dcm", "1.dcm", "2.dcm"]
        for path, copy in ((str(store), store_copy), (mirax, mirax_copy)):
            assert SlideSpec((path,), copies=(copy,)).fingerprint() == SlideSpec((path,)).fingerprint()
        with SlideSpec((str(store),), copies=(store_copy,)).open() as slide:
            np.testing.assert_array_equal(slide.read_region(1, 0, Region(5, 6, 70, 80)), planes[1][5:75, 6:86])


@pytest.mark.parametrize("form", ["ome.tiff", "ome.zarr"])
def test_slides_in_a_bucket_are_copied(
    form: str, planes: tuple[Image, Image], tmp_path: Path, scratch: Scratch, s3: S3Server, bucket: str
) -> None:
    path = tmp_path / f"slide.{form}"
    write_ome_zarr(path, planes, chunk=200) if form == "ome.zarr" else write_ome_tiff(path, planes)
    url = s3.put(bucket, path, f"set/slide.{form}")
    s3.asked.clear()
    with scratch.copied([url]) as (copy,):
        assert sum(asked.lists for asked in s3.asked) == (1 if form == "ome.zarr" else 0)
        spec = SlideSpec((url,), copies=(copy,))
        with open_slide(url) as remote:
            s3.asked.clear()
            with spec.open() as slide:
                assert slide.info == remote.info
                assert spec.fingerprint() == remote.info.fingerprint
                assert slide.read_region(1, 0, Region(0, 0, 300, 400)).any()
            assert not s3.asked


def test_a_slide_on_a_web_server_is_copied_in_parts_and_through_faults(
    tmp_path: Path, scratch: Scratch, web: WebServer
) -> None:
    size = 2 * PART + 1000
    content = Path(file_of(tmp_path / "served" / "slide.mrxs.svs", size)).read_bytes()
    tries: dict[str | None, int] = {}

    def faults(path: str, wanted: str | None) -> int | str | None:
        tries[wanted] = tries.get(wanted, 0) + 1
        return (None, 503, "cut")[tries[wanted] % 3]

    web.fault = faults
    with scratch.copied([f"{web.url}/slide.mrxs.svs"]) as (copy,):
        assert Path(copy).read_bytes() == content
    web.fault = lambda path, wanted: "whole"
    file_of(tmp_path / "served" / "plain.ndpi", size, seed=1)
    with scratch.copied([f"{web.url}/plain.ndpi"]) as (copy,):
        assert Path(copy).read_bytes() == (tmp_path / "served" / "plain.ndpi").read_bytes()
    web.fault = lambda path, wanted: 503
    file_of(tmp_path / "served" / "busy.ndpi", 1000, seed=1)
    with pytest.raises(SlideError, match="HTTP 503"), scratch.copied([f"{web.url}/busy.ndpi"]):
        pass
    assert not debris_in(scratch)


def test_what_a_web_server_does_not_list_is_said(
    tmp_path: Path, scratch: Scratch, web: WebServer, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"{web.url}/slide.ome.zarr"
    with scratch.copied([url]) as copies:
        assert copies == (url,)
    assert "cannot be copied; it is read there" in caplog.text
    with pytest.raises(SlideError, match="which a web server does not list"), scratch.copied([f"{web.url}/a.mrxs"]):
        pass


def test_the_least_recently_used_copies_make_room(tmp_path: Path) -> None:
    scratch = Scratch(str(tmp_path / "scratch"), 10 * KB)
    paths = [file_of(tmp_path / f"{name}.svs", 4 * KB, seed) for seed, name in enumerate("abc")]
    for path in (*paths[:2], paths[0]):  # a is used after b
        with scratch.copied([path]):
            time.sleep(0.02)
    with scratch.copied([paths[2]]):
        assert copies_in(scratch) == {"a.svs": 4 * KB, "c.svs": 4 * KB}
    assert not debris_in(scratch)


def test_copies_in_use_stay_and_are_waited_for(tmp_path: Path) -> None:
    scratch = Scratch(str(tmp_path / "scratch"), 10 * KB)
    paths = [file_of(tmp_path / f"{name}.svs", 4 * KB, seed) for seed, name in enumerate("abc")]
    got: list[str] = []

    def want() -> None:
        with scratch.copied([paths[2]]) as (copy,):
            got.append(copy)

    with ExitStack() as held:
        copies = [held.enter_context(scratch.copied([path]))[0] for path in paths[:2]]
        thread = threading.Thread(target=want)
        thread.start()
        time.sleep(0.7)
        assert not got and all(Path(copy).exists() for copy in copies)
    thread.join(10)
    assert got and "c.svs" in copies_in(scratch)


def test_a_slide_that_is_larger_than_the_scratch_is_refused(tmp_path: Path) -> None:
    scratch = Scratch(str(tmp_path / "scratch"), 10 * KB)
    paths = [file_of(tmp_path / f"{name}.svs", 6 * KB, seed) for seed, name in enumerate("ab")]
    with pytest.raises(SlideError, match=r"needs 1.2e-05 GB of scratch, .*raise it") as caught, scratch.copied(paths):
        pass
    assert caught.value.exit_code == 3


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, scratch: Scratch) -> None:
    path = file_of(tmp_path / "a.svs", 100 * KB)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20 * KB, hard))
    try:
        with pytest.raises(NoSpaceError, match="no space left to write"), scratch.copied([path]):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not copies_in(scratch) and not debris_in(scratch)
    huge = tmp_path / "huge.svs"
    with huge.open("wb") as file:
        file.truncate(2**43)  # takes no room itself
    with pytest.raises(NoSpaceError, match="no space left to copy a slide of"), scratch.copied([str(huge)]):
        pass


def test_a_folder_that_cannot_be_written_and_a_slide_that_is_not_there(tmp_path: Path, scratch: Scratch) -> None:
    (tmp_path / "file").write_text("")
    path = file_of(tmp_path / "a.svs", 10)
    with (
        pytest.raises(OutputError, match="a file lies where a folder should"),
        Scratch(str(tmp_path / "file" / "x")).copied([path]),
    ):
        pass
    with pytest.raises(SlideError, match="no such file"), scratch.copied([str(tmp_path / "none.svs")]):
        pass


COPYING = """
import sys
from wsi_refocus.storage.scratch import Scratch
with Scratch(sys.argv[1], int(sys.argv[3])).copied([sys.argv[2]]) as (copy,):
    print(copy, flush=True)
    sys.stdin.read()
"""


def copying(folder: str, path: str, size: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", COPYING, folder, path, str(size)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_processes_share_copies_and_the_dead_hold_none(tmp_path: Path) -> None:
    scratch = Scratch(str(tmp_path / "scratch"), 10 * KB)
    path, other = (file_of(tmp_path / f"{name}.svs", 6 * KB, seed) for seed, name in enumerate("ab"))
    processes = [copying(scratch.folder, path, 10 * KB) for _ in range(3)]
    try:
        copies = {process.stdout.readline().strip() for process in processes if process.stdout}
        assert len(copies) == 1 and Path(copies.pop()).read_bytes() == Path(path).read_bytes()
        for process in processes:
            process.send_signal(signal.SIGKILL)
            process.wait()
        with scratch.copied([other]):
            assert copies_in(scratch) == {"b.svs": 6 * KB}
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def test_a_process_that_is_killed_while_it_copies_leaves_no_half_copy(tmp_path: Path, web: WebServer) -> None:
    content = file_of(tmp_path / "served" / "a.svs", 3 * PART)
    scratch = Scratch(str(tmp_path / "scratch"), 4 * PART)
    halfway, killed = threading.Event(), threading.Event()

    def stop_at_the_last_part(path: str, wanted: str | None) -> str | None:
        if wanted is None or not wanted.startswith(f"bytes={2 * PART}-"):
            return None
        halfway.set()
        killed.wait(60)
        return "hang up"

    web.fault = stop_at_the_last_part
    process = copying(scratch.folder, f"{web.url}/a.svs", 4 * PART)
    try:
        assert halfway.wait(60)
    finally:
        process.kill()
        process.communicate()
        killed.set()
    assert debris_in(scratch) and not copies_in(scratch)
    web.fault = lambda path, wanted: None
    other = file_of(tmp_path / "b.svs", 2 * PART, seed=1)
    with scratch.copied([other]):  # what the dead had promised itself is free again
        assert copies_in(scratch) == {"b.svs": 2 * PART} and not debris_in(scratch)
    with scratch.copied([f"{web.url}/a.svs"]) as (copy,):
        assert Path(copy).read_bytes() == Path(content).read_bytes()


def test_a_slide_that_changes_while_it_is_copied_is_refused(tmp_path: Path, scratch: Scratch) -> None:
    path = file_of(tmp_path / "a.svs", 8 * PART)

    class Meddler:
        """Writes to the slide when the first part was copied."""

        def start(self, stage: str, total: int, unit: str) -> None:
            assert (stage, unit) == ("copy", "MB") and total == 8 * PART // 10**6

        def advance(self, done: int) -> None:
            os.utime(path, ns=(0, 0))

        def stop(self) -> None:
            self.stopped = True

    meddler = Meddler()
    with pytest.raises(SlideError, match="changed while it was copied"), scratch.copied([path], meddler):
        pass
    assert meddler.stopped and not copies_in(scratch) and not debris_in(scratch)
