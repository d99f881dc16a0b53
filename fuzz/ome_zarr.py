"""Metadata of an OME-Zarr slide: the group's document, the array's, and a chunk, parted by lines of a mark."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator

from fuzz.scratch import FOLDER
from tests.support.ome_zarr import write_ome_zarr
from tests.support.two_shot import tissue
from wsi_refocus.errors import RefocusError
from wsi_refocus.geometry import Region
from wsi_refocus.slide.open import open_slide

_MARK = b"\n--8<--\n"
_NAMES = {b"3": ("zarr.json", "0/zarr.json", "0/c/0/0/0/0"), b"2": (".zattrs", "0/.zarray", "0/0.0.0.0")}


def seeds() -> Iterator[bytes]:
    """A slide of either version."""
    image = tissue((40, 50), seed=1)
    for digit, version in ((b"3", "0.5"), (b"2", "0.4")):
        folder = FOLDER / "seed.ome.zarr"
        shutil.rmtree(folder, ignore_errors=True)
        write_ome_zarr(folder, [image, image], version=version, levels=1)
        for consolidated in (".zmetadata",):
            (folder / consolidated).unlink(missing_ok=True)
        parts = [(folder / name).read_bytes() if (folder / name).is_file() else b"" for name in _NAMES[digit]]
        yield digit + _MARK.join(parts)


def read(data: bytes) -> None:
    """Write a store of the three parts, open it as a slide and read some pixels."""
    names = _NAMES.get(data[:1])
    if names is None:
        return
    folder = FOLDER / "slide.ome.zarr"
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in zip(names, data[1:].split(_MARK), strict=False):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    if data[:1] == b"2":
        (folder / ".zgroup").write_bytes(b'{"zarr_format": 2}')
    with contextlib.suppress(RefocusError), open_slide(folder) as slide:
        size = slide.info.size
        slide.read_region(0, 0, Region(0, 0, min(64, size.height), min(64, size.width)))
