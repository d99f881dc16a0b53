"""Planes of a slide, read back as the OME-Zarr that they seem to be."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from ome_zarr_models.v04 import Image as ImageV04

from tests.support.two_shot import tissue, two_planes, write_ome_tiff
from wsi_refocus.errors import CorruptRegionError
from wsi_refocus.geometry import Region
from wsi_refocus.slide.open import SlideSpec
from wsi_refocus.slide.window import WindowedSource
from wsi_refocus.viewing.server import StoreServer
from wsi_refocus.viewing.virtual_zarr import PlaneMount


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slide of 700 × 1101 pixels, neither side a multiple of anything."""
    planes = two_planes(tissue((700, 1101), seed=4))
    return write_ome_tiff(
        tmp_path_factory.mktemp("virtual") / "slide.ome.tiff", planes, mpp=(0.5, 0.25), compression="deflate"
    )


def test_every_level_of_every_plane_is_there(path: Path) -> None:
    with SlideSpec((str(path),)).open() as slide:
        mounts = {f"plane-{plane}": PlaneMount(slide, plane) for plane in (0, 1)}
        assert len(slide.info.levels) > 2
        with StoreServer(mounts) as server:
            for plane in (0, 1):
                group = zarr.open_group(f"{server.address}/plane-{plane}", mode="r", zarr_format=2)
                for number, level in enumerate(slide.info.levels):
                    pixels = slide.read_region(plane, number, Region.whole(level.size))
                    assert np.array_equal(np.moveaxis(group[str(number)][...], 0, 2), pixels)


def test_documents_are_a_valid_image(path: Path) -> None:
    with SlideSpec((str(path),)).open() as slide, StoreServer({"plane": PlaneMount(slide, 0)}) as server:
        group = zarr.open_group(f"{server.address}/plane", mode="r", zarr_format=2)
        image = ImageV04.from_zarr(group)
    datasets = image.attributes.multiscales[0].datasets
    assert [each.path for each in datasets] == [str(number) for number in range(len(datasets))]
    finest, next_one = (each.coordinateTransformations for each in datasets[:2])
    assert (finest[0].scale, finest[1].translation) == ([1, 0.5, 0.25], [0, 0, 0])
    # the middle of the first coarse pixel is half a fine pixel away from that of the first fine pixel
    assert next_one[0].scale == pytest.approx([1, 1.0, 0.25 * 1101 / 551])
    assert next_one[1].translation == pytest.approx([0, 0.25, 0.25 * (1101 / 551 - 1) / 2])


def test_an_offset_moves_the_plane_and_no_pixel(path: Path) -> None:
    with SlideSpec((str(path),)).open() as slide:
        mounts = {"still": PlaneMount(slide, 1), "moved": PlaneMount(slide, 1, (2.5, -4.0))}
        with StoreServer(mounts) as server:
            still, moved = (zarr.open_group(f"{server.address}/{name}", mode="r", zarr_format=2) for name in mounts)
            assert np.array_equal(still["1"][...], moved["1"][...])
            places = [
                np.array([each["coordinateTransformations"][1]["translation"] for each in datasets])
                for datasets in (group.attrs["multiscales"][0]["datasets"] for group in (still, moved))
            ]
    assert places[1] - places[0] == pytest.approx(np.tile([0, 2.5 * 0.5, -4.0 * 0.25], (len(places[0]), 1)))


def test_a_part_of_a_slide(path: Path) -> None:
    part = Region(96, 200, 333, 600)
    with WindowedSource(SlideSpec((str(path),)).open(), 0, part) as window:
        whole = window.read_region(0, 0, Region(0, 0, 333, 600))
        with StoreServer({"plane": PlaneMount(window, 0)}) as server:
            array = zarr.open_array(f"{server.address}/plane/0", mode="r", zarr_format=2)
            assert array.shape == (3, 333, 600)
            assert np.array_equal(np.moveaxis(array[...], 0, 2), whole)


@pytest.mark.parametrize(
    "key", ["9/0/0/0", "0/1/0/0", "0/0/2/0", "0/0/0/3", "0/0/0", "0/0/0/0/0", "0/0/-1/0", "", "0/.zattrs", "0/0/0/0\n"]
)
def test_chunks_that_do_not_exist(path: Path, key: str) -> None:
    with SlideSpec((str(path),)).open() as slide:
        assert PlaneMount(slide, 0).size(key) is None


def test_a_damaged_tile_is_an_error_of_its_chunk_alone(path: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.ome.tiff"
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        page = file.series[0].levels[0].pages[0]
        offset, length = page.dataoffsets[0], page.databytecounts[0]
    content[offset : offset + length] = bytes(length)
    with SlideSpec((str(path),)).open() as slide:
        last = PlaneMount(slide, 0).read("0/0/1/2", 0, 3 * 512 * 512)
    damaged.write_bytes(content)
    with SlideSpec((str(damaged),)).open() as slide:
        mount = PlaneMount(slide, 0)
        with pytest.raises(CorruptRegionError):
            mount.read("0/0/0/0", 0, 100)
        assert mount.read("0/0/1/2", 0, 3 * 512 * 512) == last
