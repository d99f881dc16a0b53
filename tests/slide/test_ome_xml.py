"""OME-XML: heights and scales in all units, and what is assumed where they are missing."""

from __future__ import annotations

import pytest

from tests.support.ome import describe_ome
from wsi_refocus.errors import SlideError
from wsi_refocus.slide.ome_xml import OmeImage, parse_ome_xml


def parsed(text: str, pages: int = 2) -> OmeImage:
    return parse_ome_xml(text, "slide.ome.tiff", pages)[0]


@pytest.mark.parametrize("unit", ["µm", "nm", "mm", "cm", None])
@pytest.mark.parametrize("position_z", [True, False])
def test_heights_and_mpp_in_every_unit(unit: str | None, position_z: bool) -> None:
    text = describe_ome(
        (10, 20), 2, z_um=(0.0, 1.5), mpp=(0.25, 0.5), z_unit=unit, mpp_unit=unit, position_z=position_z
    )
    image = parsed(text)
    assert image.z_um == (0.0, 1.5)
    assert image.mpp == (0.25, 0.5)
    assert image.magnification == 20
    assert bool(image.notes) == (unit is None and position_z)


def test_the_greek_letter_mu_is_the_micro_sign() -> None:
    text = describe_ome((10, 20), 2, z_um=(-1, 1)).replace("µm", "\u03bcm")
    assert parsed(text).z_um == (-1, 1)


def test_unknown_heights_are_noted() -> None:
    image = parsed(describe_ome((10, 20), 2, z_um=None, mpp=None, magnification=None))
    assert image.z_um == (None, None)
    assert image.mpp is None
    assert image.magnification is None
    assert any("heights" in note for note in image.notes)


@pytest.mark.parametrize("unit", ["reference frame", "pixel"])
def test_units_that_are_no_length_are_no_heights(unit: str) -> None:
    text = describe_ome((10, 20), 2, z_um=(-1, 1)).replace('PositionZUnit="µm"', f'PositionZUnit="{unit}"')
    assert parsed(text).z_um == (None, None)


def test_equal_positions_give_way_to_the_step() -> None:
    text = describe_ome((10, 20), 2, z_um=(3, 3)).replace("<Pixels", '<Pixels PhysicalSizeZ="0.5"', 1)
    image = parsed(text)
    assert image.z_um == (0.0, 0.5)
    assert any("PhysicalSizeZ" in note for note in image.notes)


def test_a_block_without_numbers_names_all_pages() -> None:
    text = describe_ome((10, 20), 3, z_um=(0, 1, 2))
    start, end = text.index("<TiffData"), text.rindex("<Plane")
    text = text[:start] + "<TiffData/>" + text[text.index("<Plane") : end] + text[end:]
    assert parsed(text, pages=3).pages == (0, 1, 2)


def test_planes_in_other_files_are_not_those_of_this_one() -> None:
    text = describe_ome((10, 20), 2, z_um=(0, 1)).replace(
        'IFD="1" PlaneCount="1"/>', 'IFD="0" PlaneCount="1"><UUID FileName="b.ome.tiff">urn:b</UUID></TiffData>'
    )
    text = text.replace("<OME ", '<OME UUID="urn:a" ')
    assert parsed(text).pages == (0, None)


def test_pages_beyond_the_end_of_the_file_are_missing() -> None:
    assert parsed(describe_ome((10, 20), 4, z_um=(0, 1, 2, 3)), pages=2).pages == (0, 1, None, None)


def test_channels_that_do_not_say_their_samples_have_those_of_the_file() -> None:
    text = describe_ome((10, 20), 2, z_um=(0, 1)).replace(' SamplesPerPixel="3"', "")
    image = parse_ome_xml(text, "slide.ome.tiff", 2, samples=3)[0]
    assert (image.samples, image.size_c, image.pages) == (3, 1, (0, 1))
    image = parse_ome_xml(text, "slide.ome.tiff", 2, samples=1)[0]
    assert (image.samples, image.size_c) == (1, 3)


BOMB = """<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><OME xmlns="x"><Image><Pixels>&c;</Pixels></Image></OME>"""
GOOD = describe_ome((10, 20), 2, z_um=(0, 1))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BOMB, "unsafe"),
        ('<!DOCTYPE OME SYSTEM "file:///etc/passwd"><OME/>', "unsafe"),
        (GOOD[: len(GOOD) // 2], "broken"),
        ("<OME></OME>", "no image"),
        ('<OME><BinaryOnly MetadataFile="a.ome" UUID="urn:a"/></OME>', "another file"),
        (GOOD.replace('SizeX="20"', ""), "lacks"),
        (GOOD.replace('SizeX="20"', 'SizeX="many"'), "lacks"),
        (GOOD.replace('SizeZ="2"', 'SizeZ="99999999999"'), "sizes"),
        (GOOD.replace('SizeZ="2"', 'SizeZ="-1"'), "sizes"),
        (GOOD.replace("XYCZT", "ABCDE"), "DimensionOrder"),
    ],
)
def test_broken_and_hostile_documents_are_refused_in_one_line(text: str, says: str) -> None:
    with pytest.raises(SlideError, match=says) as caught:
        parse_ome_xml(text, "slide.ome.tiff", 2)
    assert str(caught.value).startswith("slide.ome.tiff: ")
    assert "\n" not in str(caught.value)


def test_hostile_page_numbers_take_no_time() -> None:
    text = GOOD.replace('IFD="1" PlaneCount="1"', 'IFD="0" PlaneCount="99999999999999" FirstX="0"')
    assert parsed(text).pages[0] == 0
    far = GOOD.replace('FirstZ="1"', 'FirstZ="99999999999999"')
    assert parsed(far).pages == (0, None)
