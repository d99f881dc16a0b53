"""OME-XML of an OME-TIFF."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tests.support.ome import describe_ome
from wsi_refocus.errors import RefocusError
from wsi_refocus.slide.ome_xml import parse_ome_xml


def seeds() -> Iterator[bytes]:
    """Documents of every form that the tests know."""
    for per_image in (False, True):
        yield describe_ome((40, 50), 2, z_um=(0, 1), per_image=per_image, associated={"label": (9, 9)}).encode()
    yield describe_ome((40, 50), 3, z_um=(0, 1, 2), position_z=False, z_unit="nm", z_reversed=True).encode()
    yield b'<OME UUID="urn:a"><Image><Pixels SizeX="1"><TiffData IFD="0"><UUID FileName="a">urn:b</UUID></TiffData>'


def read(data: bytes) -> None:
    """Parse a document."""
    with contextlib.suppress(RefocusError):
        parse_ome_xml(data.decode("utf-8", "replace"), "slide.ome.tiff", 3, 3)
