"""OME-TIFF: every flavour gives the pixels that tifffile gives, and decodes no more than it has to."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from tests.support.two_shot import Image, halved, write_large_ome_tiff, write_ome_tiff, z_stack
from wsi_refocus.geometry import Region, Size
from wsi_refocus.slide.ome_tiff import OmeTiffSource

FLAVOURS: dict[str, dict[str, Any]] = {
    "jpeg": {},
    "jpeg flat": {"pyramid": False},
    "jpeg strips": {"tiled": False},
    "jpeg planar": {"planar": True},
    "jpeg2000": {"compression": "jpeg2000"},
    "deflate": {"compression": "deflate"},
    "deflate bigtiff": {"compression": "deflate", "bigtiff": True},
    "deflate strips": {"compression": "deflate", "tiled": False},
    "lzw": {"compression": "lzw"},
    "lzw planar": {"compression": "lzw", "planar": True},
    "lzw planar strips": {"compression": "lzw", "planar": True, "tiled": False, "rows_per_strip": 48},
    "raw": {"compression": None},
    "raw strips": {"compression": None, "tiled": False},
    "raw one strip": {"compression": None, "tiled": False, "rows_per_strip": 4096},
    "raw planar strips": {"compression": None, "planar": True, "tiled": False},
    "big-endian": {"compression": "deflate", "byteorder": ">"},
    "one image a plane": {"per_image": True},
}


def directory(tiff: tifffile.TiffFile, plane: int, level: int) -> Image:
    page: Any = tiff.pages[plane]
    pixels = (page if level == 0 else page.pages[level - 1]).asarray()
    return np.moveaxis(pixels, 0, -1) if pixels.shape[0] == 3 else pixels


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_every_flavour_reads_the_pixels_that_tifffile_reads(
    flavour: str, planes: tuple[Image, Image], tmp_path: Path
) -> None:
    path = write_ome_tiff(tmp_path / "slide.ome.tiff", planes, **FLAVOURS[flavour])
    with OmeTiffSource(str(path)) as source, tifffile.TiffFile(path) as tiff:
        info = source.info
        assert [plane.z_um for plane in info.planes] == [-0.75, 0.75]
        assert info.mpp == (0.5, 0.5)
        assert info.magnification == 20
        assert len(info.levels) == (1 if FLAVOURS[flavour].get("pyramid") is False else 3)
        for plane in range(2):
            for level, described in enumerate(info.levels):
                expected = directory(tiff, plane, level)
                height, width = described.size
                assert expected.shape == (height, width, 3)
                for region in (
                    Region.whole(described.size),
                    Region.between(height // 3, width // 4, height, width - 1),
                    Region(height - 1, width - 1, 1, 1),
                ):
                    pixels = source.read_region(plane, level, region)
                    assert pixels.dtype == np.uint8
                    np.testing.assert_array_equal(pixels, expected[region.slices])


def test_reading_a_region_decodes_only_the_tiles_that_it_overlaps(planes: tuple[Image, Image], tmp_path: Path) -> None:
    path = write_ome_tiff(tmp_path / "slide.ome.tiff", planes, tile=64)
    with OmeTiffSource(str(path)) as source:
        source.read_region(0, 0, Region(64, 128, 128, 192))
        assert source.segments_read == 2 * 3
        source.read_region(1, 0, Region(63, 127, 2, 2))
        assert source.segments_read == 2 * 3 + 4


def test_reading_a_region_of_strips_decodes_only_its_rows(planes: tuple[Image, Image], tmp_path: Path) -> None:
    path = write_ome_tiff(tmp_path / "slide.ome.tiff", planes, tiled=False, rows_per_strip=32, planar=True)
    with OmeTiffSource(str(path)) as source:
        source.read_region(0, 0, Region(40, 0, 60, 10))
        assert source.segments_read == 3 * 3
        assert any("strips" in note for note in source.info.notes)


def test_eight_threads_read_what_one_reads(planes: tuple[Image, Image], tmp_path: Path) -> None:
    path = write_ome_tiff(tmp_path / "slide.ome.tiff", planes, tile=32)
    regions = [Region(y, x, 97, 101) for y in range(0, 320, 40) for x in range(0, 420, 60)]
    with OmeTiffSource(str(path)) as source, ThreadPoolExecutor(8) as pool:
        alone = [source.read_region(index % 2, 0, region) for index, region in enumerate(regions)]
        counted = source.segments_read
        together = list(pool.map(lambda job: source.read_region(job[0] % 2, 0, job[1]), enumerate(regions)))
        assert source.segments_read == 2 * counted
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_heights_follow_the_pages_where_these_are_out_of_order(planes: tuple[Image, Image], tmp_path: Path) -> None:
    path = write_ome_tiff(tmp_path / "slide.ome.tiff", planes, compression="lzw", z_reversed=True)
    with OmeTiffSource(str(path)) as source:
        assert [plane.z_um for plane in source.info.planes] == [-0.75, 0.75]
        np.testing.assert_array_equal(source.read_region(0, 0, Region(0, 0, 420, 560)), planes[1])


@pytest.mark.parametrize("order", ["XYCZT", "XYZCT", "XYTCZ", "XYCTZ", "XYZTC", "XYTZC"])
def test_the_order_of_the_axes_does_not_matter(order: str, planes: tuple[Image, Image], tmp_path: Path) -> None:
    stack = z_stack(planes[0], 5, focus=2)
    z_um = [-2.0, -1.0, 0.0, 1.0, 2.0]
    path = write_ome_tiff(tmp_path / "slide.ome.tiff", stack, z_um=z_um, compression="deflate", order=order)
    with OmeTiffSource(str(path)) as source:
        assert [plane.z_um for plane in source.info.planes] == z_um
        for index, plane in enumerate(stack):
            np.testing.assert_array_equal(source.read_region(index, 0, Region(5, 6, 70, 80)), plane[5:75, 6:86])


def test_label_icc_profile_and_xml_are_found(planes: tuple[Image, Image], tmp_path: Path) -> None:
    label = planes[0][:50, :90]
    path = write_ome_tiff(tmp_path / "slide.ome.tiff", planes, associated={"Label": label}, icc_profile=b"a profile")
    with OmeTiffSource(str(path)) as source:
        assert source.info.associated == ("label",)
        assert source.info.icc_profile == b"a profile"
        assert source.info.ome_xml is not None and source.info.ome_xml.endswith("</OME>")
        np.testing.assert_array_equal(source.read_associated("label"), label)


def test_levels_report_their_exact_downsample(tmp_path: Path, planes: tuple[Image, Image]) -> None:
    odd = [plane[:401, :333] for plane in planes]
    path = write_ome_tiff(tmp_path / "slide.ome.tiff", odd)
    with OmeTiffSource(str(path)) as source:
        level = source.info.levels[1]
        assert level.size == Size(*halved(odd[0]).shape[:2])
        assert level.downsample == pytest.approx((401 / 201 + 333 / 167) / 2)


def test_a_tile_that_was_left_out_reads_black(tmp_path: Path) -> None:
    path = write_large_ome_tiff(tmp_path / "slide.ome.tiff", 256, tile=128)
    with tifffile.TiffFile(path, mode="r+") as tiff:
        page: Any = tiff.pages[0]
        counts = list(page.databytecounts)
        page.tags["TileByteCounts"].overwrite([0, *counts[1:]])
    with OmeTiffSource(str(path)) as source:
        pixels = source.read_region(0, 0, Region(0, 0, 256, 256))
        assert not pixels[:128, :128].any()
        assert pixels[:128, 128:].all()


@pytest.mark.parametrize("pyramid", [False, True])
def test_the_large_synthetic_slide_reads_as_tifffile_reads_it(pyramid: bool, tmp_path: Path) -> None:
    path = write_large_ome_tiff(tmp_path / "slide.ome.tiff", (1500, 1700), tile=256, pyramid=pyramid)
    with OmeTiffSource(str(path)) as source, tifffile.TiffFile(path) as tiff:
        assert len(source.info.levels) == (3 if pyramid else 1)
        assert [plane.z_um for plane in source.info.planes] == [-0.75, 0.75]
        region = Region(700, 900, 400, 500)
        for plane in range(2):
            expected = directory(tiff, plane, 0)[region.slices]
            np.testing.assert_array_equal(source.read_region(plane, 0, region), expected)
