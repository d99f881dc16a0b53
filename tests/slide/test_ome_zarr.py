"""OME-Zarr 0.4 and 0.5, whatever the order of the axes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.support.ome_zarr import write_ome_zarr
from tests.support.two_shot import Image, halved
from wsi_refocus.errors import CorruptRegionError, SlideError, UsageError
from wsi_refocus.geometry import Region
from wsi_refocus.slide.open import open_slide

REGION = Region(101, 97, 150, 203)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("axes", ["czyx", "tczyx", "zcyx", "zyxc", "tzcyx", "cyx", "yxc"])
def test_every_order_of_the_axes_is_read(axes: str, version: str, planes: tuple[Image, Image], tmp_path: Path) -> None:
    path = write_ome_zarr(tmp_path / "slide.ome.zarr", planes, axes=axes, version=version)
    with open_slide(path) as slide:
        info = slide.info
        assert info.format == f"ome-zarr-{version}"
        assert info.mpp == (0.5, 0.5)
        assert [level.downsample for level in info.levels] == [1.0, 2.0]
        assert [plane.z_um for plane in info.planes] == ([-0.75, 0.75] if "z" in axes else [None])
        for plane in info.planes:
            pixels = slide.read_region(plane.index, 0, REGION)
            np.testing.assert_array_equal(pixels, planes[plane.index][REGION.slices])
            coarse = slide.read_region(plane.index, 1, Region(3, 5, 100, 120))
            np.testing.assert_array_equal(coarse, halved(planes[plane.index])[3:103, 5:125])


@pytest.mark.parametrize("unit", ["micrometer", "nanometer", "millimeter"])
def test_scales_in_every_unit(unit: str, planes: tuple[Image, Image], tmp_path: Path) -> None:
    with open_slide(write_ome_zarr(tmp_path / "a.zarr", planes, unit=unit)) as slide:
        assert slide.info.mpp == (0.5, 0.5)
        assert [plane.z_um for plane in slide.info.planes] == [-0.75, 0.75]


def test_scales_without_a_unit_are_unknown_and_noted(planes: tuple[Image, Image], tmp_path: Path) -> None:
    with open_slide(write_ome_zarr(tmp_path / "a.zarr", planes, mpp=None, z_um=None)) as slide:
        assert slide.info.mpp is None
        assert [plane.z_um for plane in slide.info.planes] == [None, None]
        assert len(slide.info.notes) == 2


def test_eight_threads_read_what_one_reads(planes: tuple[Image, Image], tmp_path: Path) -> None:
    regions = [Region(y, x, 90, 110) for y in range(0, 320, 80) for x in range(0, 420, 80)]
    with open_slide(write_ome_zarr(tmp_path / "a.zarr", planes)) as slide, ThreadPoolExecutor(8) as pool:
        for region, pixels in zip(regions, pool.map(lambda r: slide.read_region(1, 0, r), regions), strict=True):
            np.testing.assert_array_equal(pixels, planes[1][region.slices])


def test_a_store_of_several_images_gives_its_first(planes: tuple[Image, Image], tmp_path: Path) -> None:
    import zarr

    zarr.open_group(str(tmp_path / "a.zarr"), mode="w", zarr_format=2).attrs["bioformats2raw.layout"] = 3
    write_ome_zarr(tmp_path / "a.zarr" / "0", planes, version="0.4")
    with open_slide(tmp_path / "a.zarr") as slide:
        assert len(slide.info.planes) == 2
        assert any("first" in note for note in slide.info.notes)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"dtype": "uint16"}, "uint16"),
        ({"axes": "zyx"}, "grey or fluorescence"),
        ({"colours": ("0000FF", "00FF00", "FF0000")}, "fluorescence"),
    ],
)
def test_what_is_no_brightfield_is_refused(
    options: dict[str, object], says: str, planes: tuple[Image, Image], tmp_path: Path
) -> None:
    path = write_ome_zarr(tmp_path / "a.zarr", planes, **options)  # type: ignore[arg-type]
    with pytest.raises(SlideError, match=says) as caught:
        open_slide(path)
    assert str(caught.value).startswith(str(path))


def test_a_folder_that_is_no_slide_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(SlideError, match="without OME-Zarr"):
        open_slide(tmp_path)
    (tmp_path / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group", "attributes": {}}')
    with pytest.raises(SlideError, match="describe no image"):
        open_slide(tmp_path)
    (tmp_path / "zarr.json").write_text('{"zarr_format": 3,')
    with pytest.raises(SlideError, match="no OME-Zarr") as caught:
        open_slide(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_missing_level_is_refused(planes: tuple[Image, Image], tmp_path: Path) -> None:
    import shutil

    path = write_ome_zarr(tmp_path / "a.zarr", planes)
    shutil.rmtree(path / "1")
    with pytest.raises(SlideError, match="level 1 is missing"):
        open_slide(path)


def test_a_damaged_chunk_spoils_only_its_own_region(planes: tuple[Image, Image], tmp_path: Path) -> None:
    path = write_ome_zarr(tmp_path / "a.zarr", planes)
    (path / "0" / "c" / "1" / "0" / "0" / "0").write_bytes(b"not a chunk")
    with open_slide(path) as slide:
        with pytest.raises(CorruptRegionError, match="plane 0, level 0") as caught:
            slide.read_region(0, 0, Region(0, 0, 10, 10))
        assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)
        np.testing.assert_array_equal(slide.read_region(0, 0, Region(128, 128, 10, 10)), planes[0][128:138, 128:138])
        with pytest.raises(UsageError):
            slide.read_associated("label")
