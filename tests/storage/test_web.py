"""Slides on a web server that behaves, and on one that does not."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tifffile

from tests.storage.web_server import WebServer, running_web_server
from tests.support.ome_zarr import write_ome_zarr
from tests.support.single_plane import write_svs
from tests.support.two_shot import Image, tissue, two_planes, write_ome_tiff
from wsi_refocus.errors import CorruptRegionError, SlideError
from wsi_refocus.geometry import Region
from wsi_refocus.slide.file_bytes import FileBytes
from wsi_refocus.slide.open import open_slide
from wsi_refocus.storage import filesystems, retries
from wsi_refocus.storage.ranges import BLOCK, RemoteFile


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    monkeypatch.setattr(retries, "FIRST_WAIT", 0.01)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with running_web_server(tmp_path) as server:
        yield server


@pytest.fixture(scope="module")
def planes() -> tuple[Image, Image]:
    return two_planes(tissue((900, 1200), seed=4))


PHILIPS = (
    '<?xml version="1.0"?><DataObject><Attribute Name="DICOM_MANUFACTURER">PHILIPS</Attribute>'
    '<Attribute Name="DICOM_PIXEL_SPACING">"0.0005" "0.0005"</Attribute></DataObject>'
)


def some_bytes(folder: Path, size: int, seed: int = 0) -> bytes:
    content = np.random.default_rng(seed).integers(0, 256, size, np.uint8).tobytes()
    (folder / "file").write_bytes(content)
    return content


def test_only_what_a_region_needs_is_sent(planes: tuple[Image, Image], tmp_path: Path, web: WebServer) -> None:
    path = write_ome_tiff(tmp_path / "slide.ome.tiff", planes, compression="deflate", tile=128)
    with open_slide(f"{web.url}/slide.ome.tiff") as slide, open_slide(path) as local:
        assert slide.info.fingerprint == local.info.fingerprint
        assert slide.info.planes == local.info.planes and slide.info.levels == local.info.levels
        web.asked.clear()
        web.sent = 0
        region = Region(130, 260, 120, 250)  # two tiles of 128
        np.testing.assert_array_equal(slide.read_region(1, 0, region), local.read_region(1, 0, region))
    assert [method for method, *_ in web.asked] == ["GET", "GET"]
    assert all(wanted and wanted.startswith("bytes=") for *_, wanted in web.asked)
    assert web.sent < 3 * 128 * 128 * 3
    assert path.stat().st_size > 20 * web.sent


def test_an_svs_is_read_by_ranges(planes: tuple[Image, Image], tmp_path: Path, web: WebServer) -> None:
    image = np.concatenate([np.concatenate([planes[0]] * 3, axis=0)] * 3, axis=1)
    path = write_svs(tmp_path / "slide.svs", image)
    with tifffile.TiffFile(path) as tiff:
        truth = tiff.pages[0].asarray()
    with open_slide(f"{web.url}/slide.svs") as slide:
        assert slide.info.format == "tiffslide:aperio"
        web.asked.clear()
        web.sent = 0
        region = Region(900, 700, 200, 300)
        np.testing.assert_array_equal(slide.read_region(0, 0, region), truth[region.slices])
    assert 0 < len(web.asked) <= 4 and all(wanted for *_, wanted in web.asked)
    assert web.sent <= 4 * BLOCK < path.stat().st_size


def test_a_store_is_read_chunk_by_chunk(planes: tuple[Image, Image], tmp_path: Path, web: WebServer) -> None:
    write_ome_zarr(tmp_path / "slide.ome.zarr", planes)
    with open_slide(f"{web.url}/slide.ome.zarr") as slide:
        web.asked.clear()
        region = Region(10, 20, 30, 40)
        np.testing.assert_array_equal(slide.read_region(1, 0, region), planes[1][region.slices])
        chunks = len(web.asked)
        slide.read_region(1, 0, region)
        assert len(web.asked) == 2 * chunks and chunks <= 3


@pytest.mark.parametrize("fault", [500, 503, 429, "cut", "hang up"])
def test_faults_that_pass_are_overcome(fault: int | str, tmp_path: Path, web: WebServer) -> None:
    content = some_bytes(tmp_path, BLOCK + 5000)
    lock, calls = threading.Lock(), 0

    def two_of_three(path: str, wanted: str | None) -> int | str | None:
        nonlocal calls
        with lock:
            calls += 1
            return fault if calls % 3 else None

    web.fault = two_of_three
    file = RemoteFile(f"{web.url}/file")
    assert file.size == len(content)
    assert file.read_at(BLOCK + 10, 3000) == content[BLOCK + 10 :][:3000]
    assert calls == 6


@pytest.mark.parametrize(
    ("fault", "why"), [(503, "HTTP 503 Service Unavailable"), ("cut", "connection was cut"), ("hang up", "was cut")]
)
def test_faults_that_stay_are_told_in_one_line(
    fault: int | str, why: str, tmp_path: Path, web: WebServer, caplog: pytest.LogCaptureFixture
) -> None:
    some_bytes(tmp_path, 1000)
    web.fault = lambda path, wanted: fault
    with caplog.at_level(logging.DEBUG, "wsi_refocus"), pytest.raises(SlideError, match=why) as caught:
        RemoteFile(f"{web.url}/file?download=yes")
    message = str(caught.value)
    assert message.startswith(f"{web.url}/file: cannot be read after 5 tries") and "\n" not in message
    # the client's own second try is that of a connection that was kept open
    assert len(web.asked) == retries.TRIES * (2 if fault == "hang up" else 1)
    assert "again in" in caplog.text and "download" not in caplog.text


@pytest.mark.parametrize(("fault", "why"), [(404, "no such file"), (403, "access is denied"), (401, "credentials")])
def test_answers_that_are_final_are_not_asked_for_again(fault: int, why: str, tmp_path: Path, web: WebServer) -> None:
    some_bytes(tmp_path, 1000)
    web.fault = lambda path, wanted: fault
    with pytest.raises(SlideError, match=why):
        RemoteFile(f"{web.url}/file")
    assert len(web.asked) == 1


def test_a_server_that_stays_silent_is_given_up(
    tmp_path: Path, web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    some_bytes(tmp_path, 1000)
    web.fault = lambda path, wanted: "slow"
    assert RemoteFile(f"{web.url}/file").size == 1000
    monkeypatch.setattr(filesystems, "READ_SECONDS", 0.1)
    monkeypatch.setenv("FSSPEC_TEST", "a file system of its own, which has the shorter patience")
    with pytest.raises(SlideError, match=r"after 5 tries .the server was silent for too long"):
        RemoteFile(f"{web.url}/file")


def test_a_server_without_ranges_is_not_asked_for_all(tmp_path: Path, web: WebServer) -> None:
    some_bytes(tmp_path, 40 * BLOCK)
    web.fault = lambda path, wanted: "whole"
    with pytest.raises(SlideError, match=r"cannot send parts of a file; .*--scratch"):
        RemoteFile(f"{web.url}/file")
    content = some_bytes(tmp_path, 1000)
    assert RemoteFile(f"{web.url}/file").read_at(10, 20) == content[10:30]  # a small one came whole all the same


def test_a_file_that_is_replaced_while_it_is_read_is_noticed(tmp_path: Path, web: WebServer) -> None:
    some_bytes(tmp_path, 2 * BLOCK)
    file = FileBytes(f"{web.url}/file")
    some_bytes(tmp_path, 2 * BLOCK, seed=1)
    with pytest.raises(SlideError, match="was replaced by another file"):
        file.read_at(BLOCK, 100)
    file.close()


def test_an_empty_file_and_the_end_of_a_file(tmp_path: Path, web: WebServer) -> None:
    content = some_bytes(tmp_path, BLOCK + 100)
    file = FileBytes(f"{web.url}/file")
    assert file.read_at(BLOCK + 50, 1000) == content[-50:]
    assert file.read_at(BLOCK + 100, 10) == b""
    (tmp_path / "file").write_bytes(b"")
    empty = FileBytes(f"{web.url}/file")
    assert (empty.size, empty.read_at(0, 10), empty.handle.read()) == (0, b"", b"")
    for each in (file, empty):
        each.close()
        with pytest.raises(ValueError, match="closed"):
            each.read_at(0, 1)


def test_threads_do_not_disturb_one_another(tmp_path: Path, web: WebServer) -> None:
    content = some_bytes(tmp_path, 4 * BLOCK)
    file = FileBytes(f"{web.url}/file")

    def read(seed: int) -> bool:
        start = int(np.random.default_rng(seed).integers(0, 3 * BLOCK))
        file.handle.seek(start)
        first = file.handle.read(50_000)
        rest = file.handle.read(BLOCK)
        return first + rest == content[start:][: 50_000 + BLOCK] and file.read_at(start, 999) == content[start:][:999]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(40)))
    file.close()


def test_a_chunk_that_cannot_be_had_is_neither_corrupt_nor_empty(
    planes: tuple[Image, Image], tmp_path: Path, web: WebServer
) -> None:
    write_ome_zarr(tmp_path / "slide.ome.zarr", planes)
    with open_slide(f"{web.url}/slide.ome.zarr") as slide:
        for fault in (503, 403):
            web.fault = lambda path, wanted, status=fault: status  # type: ignore[misc]
            with pytest.raises(SlideError, match=r"HTTP 503|access is denied") as caught:
                slide.read_region(1, 0, Region(10, 20, 30, 40))
            assert not isinstance(caught.value, CorruptRegionError)


def test_other_slides_point_to_scratch(planes: tuple[Image, Image], tmp_path: Path, web: WebServer) -> None:
    (tmp_path / "slide.mrxs").write_bytes(b"\xff\xd8" + bytes(1000))
    with pytest.raises(SlideError, match=r"is no TIFF, .*--scratch"):
        open_slide(f"{web.url}/slide.mrxs")
    tifffile.imwrite(
        tmp_path / "philips.tiff", planes[0], photometric="rgb", tile=(256, 256), metadata=None,
        software="Philips DP v1.0", description=PHILIPS,
    )  # fmt: skip
    with pytest.raises(SlideError, match=r"of the kind PHILIPS, which OpenSlide has to read; .*--scratch"):
        open_slide(f"{web.url}/philips.tiff")
