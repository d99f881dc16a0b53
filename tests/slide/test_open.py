"""Opening again elsewhere, fingerprints, and the description."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np

from tests.support.ome_zarr import write_ome_zarr
from tests.support.two_shot import Image, write_ome_tiff
from wsi_refocus.geometry import Region
from wsi_refocus.slide.fingerprint import fingerprint
from wsi_refocus.slide.open import SlideSpec, open_slide
from wsi_refocus.slide.summary import describe


def test_a_spec_opens_the_same_slide_after_pickle_and_json(planes: tuple[Image, Image], tmp_path: Path) -> None:
    path = write_ome_tiff(tmp_path / "slide.ome.tiff", planes)
    for spec in (
        SlideSpec((str(path),)),
        SlideSpec((str(path),), 0.25, (-1.0, 1.0)),
        SlideSpec((str(path),), (0.25, 0.5)),
    ):
        again = SlideSpec.from_json(json.loads(json.dumps(asdict(spec))))
        assert again == spec == pickle.loads(pickle.dumps(spec))
        assert hash(again) == hash(spec)
        with again.open() as slide:
            assert slide.info.fingerprint == spec.fingerprint()


def test_a_fingerprint_knows_the_content_and_not_the_place(planes: tuple[Image, Image], tmp_path: Path) -> None:
    path = write_ome_tiff(tmp_path / "slide.ome.tiff", planes)
    store = write_ome_zarr(tmp_path / "slide.zarr", planes)
    before = fingerprint(str(path)), fingerprint(str(store))
    (tmp_path / "elsewhere").mkdir()
    shutil.move(path, tmp_path / "elsewhere" / "renamed.tiff")
    shutil.move(store, tmp_path / "elsewhere" / "renamed.zarr")
    path, store = tmp_path / "elsewhere" / "renamed.tiff", tmp_path / "elsewhere" / "renamed.zarr"
    assert (fingerprint(str(path)), fingerprint(str(store))) == before
    with path.open("r+b") as file:
        file.seek(-10, 2)
        file.write(b"x")
    (store / "0" / "c" / "1" / "0" / "0" / "0").unlink()
    assert fingerprint(str(path)) != before[0]
    assert fingerprint(str(store)) != before[1]


def test_the_description_is_json_with_all_that_is_known(planes: tuple[Image, Image], tmp_path: Path) -> None:
    path = write_ome_tiff(tmp_path / "slide.ome.tiff", planes, associated={"macro": planes[0][:50, :60]})
    with open_slide(path) as slide:
        content = json.loads(json.dumps(describe(slide.info)))
    assert content["size"] == [420, 560]
    assert content["planes"] == [{"plane": 0, "z_um": -0.75}, {"plane": 1, "z_um": 0.75}]
    assert content["levels"][1] == {"level": 1, "size": [210, 280], "downsample": 2.0}
    assert (content["mpp"], content["magnification"], content["associated"]) == ([0.5, 0.5], 20.0, ["macro"])


def test_a_plain_single_plane_ome_tiff_never_goes_to_openslide(planes: tuple[Image, Image], tmp_path: Path) -> None:
    path = write_ome_tiff(tmp_path / "slide.svs", planes, tile=256, compression="lzw")
    with open_slide(path) as slide:
        assert slide.info.format == "ome-tiff"
        np.testing.assert_array_equal(slide.read_region(1, 0, Region(0, 0, 420, 560)), planes[1])


def test_reading_after_the_end_is_refused(planes: tuple[Image, Image], tmp_path: Path) -> None:
    import pytest

    from wsi_refocus.errors import CorruptRegionError

    slide = open_slide(write_ome_tiff(tmp_path / "slide.ome.tiff", planes))
    slide.close()
    with pytest.raises(CorruptRegionError, match="closed"):
        slide.read_region(0, 0, Region(0, 0, 10, 10))


def test_opening_is_imported_without_the_readers() -> None:
    code = (
        "import sys, wsi_refocus.slide.open as _; "
        "print([m for m in ('tifffile', 'openslide', 'tiffslide', 'zarr', 'torch', 'dask') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
