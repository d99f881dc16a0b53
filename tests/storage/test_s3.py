"""Slides in a real S3 bucket on loopback."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from tests.storage.s3_server import KEY, SECRET, Asked, S3Server
from tests.support.ome_zarr import write_ome_zarr
from tests.support.single_plane import write_svs
from tests.support.two_shot import Image, tissue, two_planes, write_ome_tiff
from wsi_refocus import refocus_slide
from wsi_refocus.errors import SlideError
from wsi_refocus.geometry import Region
from wsi_refocus.slide.open import SlideSpec, open_slide
from wsi_refocus.storage import retries
from wsi_refocus.storage.ranges import BLOCK, RemoteFile

REGION = Region(140, 460, 200, 300)


@pytest.fixture(scope="module")
def planes() -> tuple[Image, Image]:
    return two_planes(tissue((900, 1200), seed=4))


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_WAIT", 0.01)


@pytest.mark.parametrize("form", ["ome.tiff", "svs", "ome.zarr"])
def test_slides_are_read_by_ranges_and_nothing_is_listed(
    form: str, planes: tuple[Image, Image], tmp_path: Path, s3: S3Server, bucket: str
) -> None:
    path = tmp_path / f"slide.{form}"
    if form == "svs":
        write_svs(path, np.tile(planes[0], (3, 3, 1)))
    elif form == "ome.zarr":
        write_ome_zarr(path, planes, chunk=450)
    else:
        write_ome_tiff(path, planes, compression="deflate")
    url = s3.put(bucket, path, f"a folder/slide.{form}")
    s3.asked.clear()
    with open_slide(url) as slide, open_slide(path) as local:
        assert slide.info.paths == (url,)
        plane = len(slide.info.planes) - 1
        region = Region(1500, 2000, 200, 300) if form == "svs" else REGION
        opened = len(s3.asked)
        pixels = slide.read_region(plane, 0, region)
        difference = np.abs(pixels.astype(int) - local.read_region(plane, 0, region))
        assert difference.max() <= (2 if form == "svs" else 0)  # OpenSlide's JPEG decoder is another
        if form == "ome.tiff":
            assert slide.info.fingerprint == local.info.fingerprint
    reads = s3.asked[opened:]
    assert {asked.method for asked in s3.asked} == {"GET"}
    assert not any(asked.lists for asked in s3.asked)
    assert 0 < len(reads) <= 12, reads
    if form != "ome.zarr":
        assert all(asked.range for asked in s3.asked)


def test_a_slide_in_a_bucket_is_refocused_as_the_same_file_is(
    planes: tuple[Image, Image], tmp_path: Path, s3: S3Server, bucket: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_ome_tiff(tmp_path / "slide.ome.tiff", planes, compression="deflate")
    url = s3.put(bucket, path, "slide.ome.tiff")
    with caplog.at_level(logging.DEBUG, "wsi_refocus"):
        far = refocus_slide(url, method="mean", workers=0, output=tmp_path / "far.ome.zarr")
    near = refocus_slide(path, method="mean", workers=0, output=tmp_path / "near.ome.zarr")
    shards = sorted(each.relative_to(near.output) for each in Path(near.output).glob("[0-9]*/**/*") if each.is_file())
    assert shards
    for shard in shards:
        assert (Path(far.output) / shard).read_bytes() == (Path(near.output) / shard).read_bytes()
    written = "".join(file.read_text() for file in Path(far.output).rglob("*.json"))
    assert url in written
    for secret in (KEY, SECRET):
        assert secret not in written and secret not in caplog.text
    _check_that_shards_are_read_by_their_index(Path(near.output), s3, bucket)


def _check_that_shards_are_read_by_their_index(output: Path, s3: S3Server, bucket: str) -> None:
    url = s3.put(bucket, output, "out.ome.zarr")
    with open_slide(url) as slide, open_slide(output) as local:
        s3.asked.clear()
        np.testing.assert_array_equal(slide.read_region(0, 0, REGION), local.read_region(0, 0, REGION))
    assert all(asked.range for asked in s3.asked) and not any(asked.lists for asked in s3.asked)
    assert any(asked.range.startswith("bytes=-") for asked in s3.asked if asked.range)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param("503 Slow Down", marks=pytest.mark.faults),
        pytest.param("500 Internal Error", marks=pytest.mark.faults),
        "cut",
    ],
)
def test_a_bucket_that_is_busy_is_asked_again(
    fault: str, planes: tuple[Image, Image], tmp_path: Path, s3: S3Server, bucket: str
) -> None:
    path = write_ome_tiff(tmp_path / "slide.ome.tiff", planes, compression="deflate")
    url = s3.put(bucket, path, "slide.ome.tiff")
    calls = 0

    def every_other(asked: Asked) -> str | None:
        nonlocal calls
        calls += 1
        return fault if calls % 2 else None

    s3.fail = every_other
    with open_slide(url) as slide:
        np.testing.assert_array_equal(slide.read_region(1, 0, REGION), planes[1][REGION.slices])


def test_errors_name_the_object_and_hold_no_secrets(
    s3: S3Server, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_bytes(bytes(100))
    url = s3.put(bucket, tmp_path / "file", "file.svs")
    caplog.set_level(logging.DEBUG, "wsi_refocus")
    told = []
    for place, fault, says in (
        (f"s3://{bucket}/none.svs", None, "no such file"),
        (f"s3://{bucket}-none/x.svs", None, "no such file"),
        (url, "403 Access Denied", "access is denied; check the address and the credentials"),
        (url, "503 Slow Down", "after 5 tries .HTTP 503"),
    ):
        s3.fail = None if fault is None else lambda asked, how=fault: how  # type: ignore[misc]
        with pytest.raises(SlideError, match=says) as caught:
            open_slide(place)
        assert str(caught.value).startswith(f"{place}: ")
        told.append(str(caught.value))
    s3.fail = None
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(SlideError, match="no credentials were found") as caught:
        open_slide(url)
    told.append(str(caught.value))
    for message in (*told, caplog.text):
        assert KEY not in message and SECRET not in message
    assert not any("\n" in message for message in told)


def test_an_object_that_is_replaced_while_it_is_read_is_noticed(tmp_path: Path, s3: S3Server, bucket: str) -> None:
    (tmp_path / "file").write_bytes(bytes(2 * BLOCK))
    url = s3.put(bucket, tmp_path / "file", "file")
    file = RemoteFile(url)
    assert file.read_at(BLOCK, 10) == bytes(10)
    (tmp_path / "file").write_bytes(b"\1" * 2 * BLOCK)
    s3.put(bucket, tmp_path / "file", "file")
    with pytest.raises(SlideError, match="was replaced by another file"):
        file.read_at(BLOCK, 10)


def test_a_store_that_denies_access_is_told_apart_from_none(s3: S3Server, bucket: str) -> None:
    """A bucket that may not be listed says 403 of what is missing: not an error by itself, but a hint in the end."""
    with pytest.raises(SlideError, match="holds no OME-Zarr"):
        open_slide(f"s3://{bucket}/none.zarr")
    s3.fail = lambda asked: "403 Access Denied"
    with pytest.raises(SlideError, match="access is denied"):
        open_slide(f"s3://{bucket}/none.zarr")


def test_a_store_in_a_bucket_that_may_not_be_listed_is_read(
    planes: tuple[Image, Image], tmp_path: Path, s3: S3Server, bucket: str
) -> None:
    path = tmp_path / "slide.ome.zarr"
    write_ome_zarr(path, planes, chunk=450)
    url = s3.put(bucket, path, "slide.ome.zarr")
    s3.fail = lambda asked: None if (tmp_path / asked.path.partition(f"/{bucket}/")[2]).is_file() else "403 Forbidden"
    with open_slide(url) as slide:
        np.testing.assert_array_equal(slide.read_region(1, 0, REGION), planes[1][REGION.slices])
        assert slide.info.fingerprint == SlideSpec((url,)).fingerprint()
