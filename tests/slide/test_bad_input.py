"""What cannot be used gives one line that names the file and the way out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from tests.support.ome import describe_ome
from tests.support.single_plane import write_svs, write_tiff
from tests.support.two_shot import Image, write_ome_tiff
from wsi_refocus.errors import CorruptRegionError, PlanePairError, SlideError, UsageError
from wsi_refocus.geometry import Region
from wsi_refocus.slide.open import open_slide, require_mpp


def refused(path: Path | str, says: str) -> None:
    with pytest.raises(SlideError, match=says) as caught:
        open_slide(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: "), message
    assert "\n" not in message
    assert ";" in message or "only 8-bit RGB" in message  # the way out
    assert caught.value.exit_code == 3


def test_a_missing_file(tmp_path: Path) -> None:
    refused(tmp_path / "none.ome.tiff", "no such file")


def test_an_unreachable_url() -> None:
    refused("http://127.0.0.1:9/slide.svs", "does not answer")


@pytest.mark.parametrize("name", ["notes.svs", "notes.ome.tiff", "notes.ndpi", "notes.txt"])
def test_a_text_file(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("Dear pathologist, " * 100)
    refused(tmp_path / name, "nothing that a slide reader knows")
    (tmp_path / name).write_text("")
    refused(tmp_path / name, "nothing that a slide reader knows")


def test_a_tiff_header_without_a_tiff(tmp_path: Path) -> None:
    for content in (b"II*\0", b"II*\0\x08\0\0\0", b"II*\0\xff\xff\xff\x7f", b"II*\0\x08\0\0\0" + bytes(range(200))):
        (tmp_path / "a.svs").write_bytes(content)
        refused(tmp_path / "a.svs", "truncated or damaged")


@pytest.mark.parametrize("kind", ["uint16", "grey", "two channels", "16-bit grey", "float"])
def test_ome_tiffs_that_are_no_brightfield(kind: str, planes: tuple[Image, Image], tmp_path: Path) -> None:
    path = tmp_path / "slide.ome.tiff"
    grey = np.stack([plane[..., 0] for plane in planes])
    data, axes = {
        "uint16": (np.stack(planes).astype(np.uint16), "ZYXS"),
        "grey": (grey, "ZYX"),
        "two channels": (np.stack([grey, grey]), "CZYX"),
        "16-bit grey": (grey.astype(np.uint16), "ZYX"),
        "float": (grey.astype(np.float32), "ZYX"),
    }[kind]
    options: dict[str, Any] = {"photometric": "rgb" if axes.endswith("S") else "minisblack"}
    tifffile.imwrite(path, data, ome=True, metadata={"axes": axes}, **options)
    refused(path, "8-bit RGB brightfield")


def test_ome_xml_that_does_not_match_the_pixels(planes: tuple[Image, Image], tmp_path: Path) -> None:
    path = tmp_path / "slide.ome.tiff"
    write_ome_tiff(path, planes, xml=describe_ome((99, 99), 2, z_um=(0, 1)))
    refused(path, "the OME-XML says 99 × 99")
    write_ome_tiff(path, planes, xml=describe_ome((420, 560), 3, z_um=(0, 1, 2)))
    refused(path, "plane 2 of 3 is not in this file")


@pytest.mark.parametrize("kind", ["svs", "plain"])
@pytest.mark.parametrize("change", ["uint16", "grey"])
def test_other_tiffs_that_are_no_brightfield(
    kind: str, change: str, planes: tuple[Image, Image], tmp_path: Path
) -> None:
    """OpenSlide would show these silently as if they were 8-bit RGB."""
    data = planes[0].astype(np.uint16) * 257 if change == "uint16" else planes[0][..., 0]
    photometric = "rgb" if change == "uint16" else "minisblack"
    description = "Aperio Image Library v12\r\n560x420 (256x256)|MPP = 0.5" if kind == "svs" else None
    path = tmp_path / "slide.svs"
    tifffile.imwrite(path, data, photometric=photometric, tile=(256, 256), description=description, metadata=None)
    refused(path, "8-bit RGB brightfield")


def test_a_stack_without_ome_xml_is_not_taken_for_one_plane(planes: tuple[Image, Image], tmp_path: Path) -> None:
    path = tmp_path / "stack.tiff"
    for description in (None, "Aperio Image Library v12\r\n560x420 (256x256)|MPP = 0.5"):
        with tifffile.TiffWriter(path) as writer:
            for plane in planes:
                writer.write(plane, photometric="rgb", tile=(256, 256), description=description, metadata=None)
        refused(path, "2 images of the same size")


@pytest.mark.parametrize("name", ["slide.tiff", "slide.ome.tiff"])
def test_tiles_that_no_memory_holds(name: str, planes: tuple[Image, Image], tmp_path: Path) -> None:
    """OpenSlide would end the whole process when it cannot allocate them."""
    path = tmp_path / name
    write_ome_tiff(path, planes, tile=256) if "ome" in name else write_tiff(path, planes[0])
    with tifffile.TiffFile(path, mode="r+") as tiff:
        page: Any = tiff.pages[0]
        page.tags["TileWidth"].overwrite(2**31 - 16)
    refused(path, "cannot be read one by one")


def test_broken_ome_xml_never_sends_a_stack_to_openslide(planes: tuple[Image, Image], tmp_path: Path) -> None:
    whole = describe_ome((420, 560), 2, z_um=(0, 1))
    path = write_ome_tiff(tmp_path / "slide.ome.tiff", planes, tile=256, xml=whole[: len(whole) // 2])
    refused(path, "OME-XML is broken")
    bomb = '<?xml version="1.0"?><!DOCTYPE OME [<!ENTITY a "ha">]>' + whole.split("?>")[1]
    refused(write_ome_tiff(tmp_path / "slide.ome.tiff", planes, tile=256, xml=bomb), "unsafe")


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_ome_tiff(part: float, planes: tuple[Image, Image], tmp_path: Path) -> None:
    path = write_ome_tiff(tmp_path / "slide.ome.tiff", planes)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    refused(path, "truncated")


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("tile", [256, None])
def test_a_truncated_slide_of_one_plane(
    part: float, tile: int | None, planes: tuple[Image, Image], tmp_path: Path
) -> None:
    for path in (write_svs(tmp_path / "a.svs", planes[0]), write_tiff(tmp_path / "b.tiff", planes[0], tile=tile)):
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * part)])
        refused(path, "truncated|damaged")


def damage(path: Path, plane: int, tile: int, how: str) -> None:
    with tifffile.TiffFile(path) as tiff:
        page: Any = tiff.pages[plane]
        page = page.aspage() if isinstance(page, tifffile.TiffFrame) else page
        offset, count = page.dataoffsets[tile], page.databytecounts[tile]
    rng = np.random.default_rng(0)
    with path.open("r+b") as file:
        file.seek(offset + (0 if how == "header" else count // 2))
        length = 64 if how == "header" else count - count // 2
        file.write(bytes(length) if how != "noise" else rng.integers(0, 256, length, np.uint8).tobytes())


@pytest.mark.parametrize("compression", ["jpeg", "deflate", "jpeg2000"])
@pytest.mark.parametrize("how", ["header", "zeros", "noise"])
def test_a_corrupt_tile_is_named_when_it_is_read_and_spoils_nothing_else(
    how: str, compression: str, planes: tuple[Image, Image], tmp_path: Path
) -> None:
    if (how, compression) == ("zeros", "jpeg2000"):
        how = "header"  # JPEG 2000 reads what there is at a lower quality
    path = write_ome_tiff(tmp_path / "slide.ome.tiff", planes, compression=compression, tile=128)
    damage(path, plane=1, tile=7, how=how)  # five tiles a row
    with open_slide(path) as slide:
        with pytest.raises(CorruptRegionError, match=r"tile 1,2 of plane 1, level 0 cannot be decoded") as caught:
            slide.read_region(1, 0, Region(100, 200, 150, 150))
        assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)
        assert caught.value.exit_code == 3
        assert slide.read_region(0, 0, Region(100, 200, 150, 150)).any()
        assert slide.read_region(1, 0, Region(0, 0, 128, 560)).any()


def test_openslide_reads_on_after_a_corrupt_tile(planes: tuple[Image, Image], tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "slide.tiff", planes[0], tile=128)
    damage(path, plane=0, tile=7, how="header")
    with open_slide(path) as slide:
        good = Region(0, 0, 100, 100)
        with pytest.raises(CorruptRegionError, match="y=130, x=260") as caught:
            slide.read_region(0, 0, Region(130, 260, 20, 20))
        assert "\n" not in str(caught.value)
        np.testing.assert_array_equal(slide.read_region(0, 0, good), planes[0][good.slices])


@pytest.mark.parametrize("form", ["ome.tiff", "svs"])
def test_planes_levels_and_regions_that_do_not_exist(form: str, planes: tuple[Image, Image], tmp_path: Path) -> None:
    path = tmp_path / f"slide.{form}"
    write_svs(path, planes[0]) if form == "svs" else write_ome_tiff(path, planes)
    with open_slide(path) as slide:
        last = len(slide.info.planes) - 1
        with pytest.raises(PlanePairError, match=f"no focal plane 7; the slide has planes 0 to {last}"):
            slide.read_region(7, 0, Region(0, 0, 1, 1))
        with pytest.raises(UsageError, match="no level 9"):
            slide.read_region(0, 9, Region(0, 0, 1, 1))
        for region in (Region(-1, 0, 10, 10), Region(0, 555, 10, 10)):
            with pytest.raises(UsageError, match="beyond level 0"):
                slide.read_region(0, 0, region)
        with pytest.raises(UsageError, match="no image 'poster'"):
            slide.read_associated("poster")


def test_a_slide_without_mpp_opens_but_has_to_be_given_one(planes: tuple[Image, Image], tmp_path: Path) -> None:
    path = write_ome_tiff(tmp_path / "slide.ome.tiff", planes, mpp=None)
    with open_slide(path) as slide:
        assert slide.info.mpp is None
        with pytest.raises(SlideError, match="--mpp"):
            require_mpp(slide.info)
    with open_slide(path, mpp=(0.25, 0.26)) as slide:
        assert require_mpp(slide.info) == (0.25, 0.26)


@pytest.mark.parametrize("mpp", [-1, 0, float("inf"), (0.5, float("nan"))])
def test_an_mpp_that_is_none(mpp: float | tuple[float, float], planes: tuple[Image, Image], tmp_path: Path) -> None:
    path = write_ome_tiff(tmp_path / "slide.ome.tiff", planes)
    with pytest.raises(UsageError, match="larger than 0"):
        open_slide(path, mpp=mpp)


@pytest.mark.parametrize(
    ("z_um", "says"),
    [((0, 1, 2), "2 focal planes, but 3 heights"), ((1, 1), "another height"), ((0, float("nan")), "another height")],
)
def test_heights_that_do_not_fit(
    z_um: tuple[float, ...], says: str, planes: tuple[Image, Image], tmp_path: Path
) -> None:
    path = write_ome_tiff(tmp_path / "slide.ome.tiff", planes)
    with pytest.raises(UsageError, match=says):
        open_slide(path, z_um=z_um)
