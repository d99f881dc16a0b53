"""Slides of one plane through OpenSlide and tiffslide."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as Picture
from PIL import ImageCms

from tests.support.ome_zarr import write_ome_zarr
from tests.support.single_plane import write_svs, write_tiff
from tests.support.two_shot import Image, write_ome_tiff
from wsi_refocus.geometry import Region
from wsi_refocus.slide.open import open_slide
from wsi_refocus.slide.openslide_reader import composited


def test_an_aperio_slide_is_read_through_openslide(planes: tuple[Image, Image], tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = write_svs(tmp_path / "slide.svs", planes[0], icc_profile=profile)
    with open_slide(path) as slide, tifffile.TiffFile(path) as tiff:
        info = slide.info
        assert (info.format, info.mpp, info.magnification) == ("openslide:aperio", (0.5, 0.5), 20)
        assert info.associated == ("label", "macro", "thumbnail")
        assert info.icc_profile == profile
        assert [level.downsample for level in info.levels] == [1.0, 4.0]
        region = Region(100, 130, 200, 300)
        expected = tiff.pages[0].asarray()[region.slices].astype(int)
        assert np.abs(slide.read_region(0, 0, region) - expected).max() <= 2
        assert slide.read_region(0, 1, Region(0, 0, 105, 140)).shape == (105, 140, 3)
        assert slide.read_associated("label").mean() == pytest.approx(200, abs=1)


def test_eight_threads_read_what_one_reads(planes: tuple[Image, Image], tmp_path: Path) -> None:
    regions = [Region(y, x, 90, 110) for y in range(0, 320, 60) for x in range(0, 420, 80)]
    for path in (
        write_svs(tmp_path / "slide.svs", planes[0]),
        write_tiff(tmp_path / "strips.tiff", planes[0], tile=None),
    ):
        with open_slide(path) as slide, ThreadPoolExecutor(8) as pool:
            alone = [slide.read_region(0, 0, region) for region in regions]
            together = list(pool.map(lambda region: slide.read_region(0, 0, region), regions))
        np.testing.assert_array_equal(alone, together)


@pytest.mark.parametrize(("tile", "reader"), [(256, "openslide:generic-tiff"), (None, "tiffslide:tiff")])
def test_a_plain_tiff_is_read(tile: int | None, reader: str, planes: tuple[Image, Image], tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "slide.tiff", planes[0], tile=tile)
    with open_slide(path) as slide:
        assert slide.info.format == reader
        assert slide.info.mpp == pytest.approx((0.5, 0.5))
        region = Region(11, 22, 100, 333)
        np.testing.assert_array_equal(slide.read_region(0, 0, region), planes[0][region.slices])


def test_a_resolution_that_no_microscope_has_is_ignored_and_noted(planes: tuple[Image, Image], tmp_path: Path) -> None:
    with open_slide(write_tiff(tmp_path / "slide.tiff", planes[0], mpp=25_400 / 72)) as slide:
        assert slide.info.mpp is None
        assert any("no microscope" in note for note in slide.info.notes)


def test_what_was_not_scanned_takes_the_colour_of_the_background() -> None:
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[0, 0] = (10, 20, 30, 255)
    pixels[0, 1] = (100, 100, 100, 128)
    background = np.array([240, 230, 220], np.uint8)
    result = composited(Picture.fromarray(pixels), background)
    assert result[0, 0].tolist() == [10, 20, 30]
    assert result[1, 1].tolist() == [240, 230, 220]
    assert result[0, 1].tolist() == [170, 165, 160]


class _Ranges(http.server.SimpleHTTPRequestHandler):
    """Serves files with byte ranges, as object stores do."""

    def log_message(self, *arguments: object) -> None:
        """Keep quiet."""

    def send_head(self):  # type: ignore[no-untyped-def]
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return None
        content = path.read_bytes()
        wanted = self.headers.get("Range")
        first, last = 0, len(content) - 1
        if wanted:
            first, last = (int(number) for number in wanted.removeprefix("bytes=").split("-"))
            last = min(last, len(content) - 1)
        self.send_response(206 if wanted else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(last - first + 1))
        if wanted:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        self.end_headers()
        import io

        return io.BytesIO(content[first : last + 1])


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Ranges, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_remote_slides_are_read(planes: tuple[Image, Image], tmp_path: Path, served: str) -> None:
    write_svs(tmp_path / "slide.svs", planes[0])
    write_ome_tiff(tmp_path / "slide.ome.tiff", planes, compression="lzw")
    region = Region(40, 50, 60, 70)
    with open_slide(f"{served}/slide.svs") as slide, open_slide(tmp_path / "slide.svs") as local:
        assert slide.info.format == "tiffslide:aperio"
        assert slide.info.mpp == (0.5, 0.5)
        assert slide.info.fingerprint == local.info.fingerprint
        assert np.abs(slide.read_region(0, 0, region).astype(int) - planes[0][region.slices]).mean() < 3
    write_ome_zarr(tmp_path / "slide.ome.zarr", planes)
    with open_slide(f"{served}/slide.ome.zarr") as slide:
        np.testing.assert_array_equal(slide.read_region(1, 0, region), planes[1][region.slices])
    with open_slide(f"{served}/slide.ome.tiff") as slide:
        assert len(slide.info.planes) == 2
        np.testing.assert_array_equal(slide.read_region(1, 0, region), planes[1][region.slices])
