import json
import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader
from ome_zarr_models.v04.image import Image as Image04
from ome_zarr_models.v05.image import Image as Image05

from tests.ngff.stores import contents, random_pixels, small_layout, write_slide
from wsi_refocus.errors import OutputError
from wsi_refocus.geometry import Size
from wsi_refocus.ngff.compressor import Version
from wsi_refocus.ngff.layout import StoreLayout
from wsi_refocus.ngff.metadata import SlideMetadata, finish_store, is_finished, read_provenance

VERSIONS: tuple[Version, ...] = ("0.5", "0.4")
MODELS = {"0.5": Image05, "0.4": Image04}
LABEL = np.random.default_rng(5).integers(0, 256, (90, 130, 3), np.uint8)
PROVENANCE = {"statement": "computed, not captured", "shift_px": (0.5, math.nan), "count": np.int64(3)}


def finished(path: Path, layout: StoreLayout) -> Path:
    metadata = SlideMetadata(
        "tumour µ",
        layout.mpp,
        20.0,
        b"an ICC profile",
        "<OME>µ</OME>",
        {"label": LABEL, "macro image/1": LABEL[:40]},
    )
    write_slide(path, layout, random_pixels(layout))
    finish_store(path, layout, metadata, PROVENANCE)
    return path


def attributes_of(path: Path) -> dict[str, Any]:
    return dict(zarr.open_group(path, mode="r").attrs)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("group", ["", "associated/label", "associated/macro_image_1"])
def test_every_image_validates(tmp_path: Path, version: Version, group: str) -> None:
    path = finished(tmp_path, small_layout(700, 333, version)) / group
    MODELS[version].from_zarr(zarr.open_group(path, mode="r"))


@pytest.mark.parametrize("version", VERSIONS)
def test_ome_zarr_py_opens_it(tmp_path: Path, version: Version, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    layout = small_layout(700, 333, version)
    pixels = random_pixels(layout)
    finished(tmp_path, layout)
    (node,) = Reader(parse_url(str(tmp_path)))()
    assert [data.shape for data in node.data] == [(3, *level.size) for level in layout.levels]
    assert np.array_equal(np.asarray(node.data[0]), np.moveaxis(pixels, -1, 0))
    assert node.metadata["channel_names"] == ["Red", "Green", "Blue"]
    assert node.metadata["contrast_limits"] == [[0, 255]] * 3
    assert [colours[1] for colours in node.metadata["colormap"]] == np.eye(3).tolist()


@pytest.mark.parametrize("version", VERSIONS)
def test_real_chunks_and_shards_validate_and_open(tmp_path: Path, version: Version) -> None:
    layout = StoreLayout(Size(2100, 1100), (0.25, 0.25), version)
    write_slide(tmp_path, layout, random_pixels(layout))
    finish_store(tmp_path, layout, SlideMetadata("slide", layout.mpp), {})
    MODELS[version].from_zarr(zarr.open_group(tmp_path, mode="r"))
    (node,) = Reader(parse_url(str(tmp_path)))()
    assert np.asarray(node.data[-1]).shape == (3, 263, 138)


def test_axes_scales_translations_and_channels(tmp_path: Path) -> None:
    layout = small_layout(300, 200)
    ome = attributes_of(finished(tmp_path, layout))["ome"]
    (multiscale,) = ome["multiscales"]
    assert ome["version"] == "0.5"
    assert multiscale["name"] == "tumour µ"
    assert [(axis["name"], axis["type"], axis.get("unit")) for axis in multiscale["axes"]] == [
        ("c", "channel", None),
        ("y", "space", "micrometer"),
        ("x", "space", "micrometer"),
    ]
    assert multiscale["datasets"][1] == {
        "path": "1",
        "coordinateTransformations": [
            {"type": "scale", "scale": [1.0, 1.0, 0.5]},
            {"type": "translation", "translation": [0.0, 0.25, 0.125]},
        ],
    }
    assert [channel["color"] for channel in ome["omero"]["channels"]] == ["FF0000", "00FF00", "0000FF"]
    assert ome["omero"]["rdefs"]["model"] == "color"


@pytest.mark.filterwarnings("ignore:Object at")  # the files beside the arrays
def test_both_versions_say_and_hold_the_same(tmp_path: Path) -> None:
    new = attributes_of(finished(tmp_path / "new", small_layout(500, 333, "0.5")))
    old = attributes_of(finished(tmp_path / "old", small_layout(500, 333, "0.4")))
    (multiscale,) = old["multiscales"]
    assert multiscale.pop("version") == old["omero"].pop("version") == "0.4"
    assert new["ome"] == {"version": "0.5", "multiscales": [multiscale], "omero": old["omero"]}
    assert new["wsi_refocus"] == old["wsi_refocus"]
    arrays = [dict(zarr.open_group(tmp_path / name, mode="r").members(max_depth=None)) for name in ("new", "old")]
    assert set(arrays[0]) == set(arrays[1]) >= {"0", "3", "associated/label/0"}
    for name, array in arrays[0].items():
        if isinstance(array, zarr.Array):
            assert np.array_equal(array[...], arrays[1][name][...]), name


@pytest.mark.parametrize("version", VERSIONS)
def test_what_the_slide_has_is_carried_over(tmp_path: Path, version: Version) -> None:
    finished(tmp_path, small_layout(300, 200, version))
    provenance = read_provenance(tmp_path)
    slide = provenance["slide"]
    assert slide["magnification"] == 20.0 and slide["mpp"] == {"y": 0.5, "x": 0.25}
    assert (tmp_path / slide["icc_profile"]).read_bytes() == b"an ICC profile"
    assert (tmp_path / slide["source_ome_xml"]).read_text(encoding="utf-8") == "<OME>µ</OME>"
    assert slide["source_ome_xml"] == "OME/METADATA.ome.xml"
    label = zarr.open_array(tmp_path / slide["associated"]["label"] / "0", mode="r")
    assert np.array_equal(label[...], np.moveaxis(LABEL, -1, 0))
    assert set(slide["associated"]) == {"label", "macro image/1"}


def test_provenance_is_json_that_browsers_read(tmp_path: Path) -> None:
    finished(tmp_path, small_layout(300, 200))
    json.loads((tmp_path / "zarr.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)
    provenance = read_provenance(tmp_path)
    assert provenance["statement"] == "computed, not captured"
    assert provenance["shift_px"] == [0.5, None] and provenance["count"] == 3


@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_looks_finished_until_the_last_file(tmp_path: Path, version: Version) -> None:
    """Without the file that was written last, an output is no slide to anyone."""
    path = finished(tmp_path / "out", small_layout(300, 200, version))
    assert is_finished(path)
    newest = max((file for file in path.rglob("*") if file.is_file()), key=lambda file: file.stat().st_mtime_ns)
    assert newest == path / ("zarr.json" if version == "0.5" else ".zattrs")
    newest.unlink()
    assert not is_finished(path)
    location = parse_url(str(path))
    assert location is None or not list(Reader(location)())
    with pytest.raises(OutputError, match="not a finished output"):
        read_provenance(path)


def test_only_outputs_of_this_package_are_finished_ones(tmp_path: Path) -> None:
    assert not is_finished(tmp_path)
    assert not is_finished(tmp_path / "absent")
    path = finished(tmp_path / "out", small_layout(100, 100))
    document = json.loads((path / "zarr.json").read_text(encoding="utf-8"))
    del document["attributes"]["wsi_refocus"]
    (path / "zarr.json").write_text(json.dumps(document), encoding="utf-8")
    assert not is_finished(path)
    (path / "zarr.json").write_text("{ cut sho", encoding="utf-8")
    assert not is_finished(path)


def test_left_overs_of_killed_writers_are_removed(tmp_path: Path) -> None:
    layout = small_layout(300, 200)
    write_slide(tmp_path, layout, random_pixels(layout))
    rest = tmp_path / "0" / "c" / "0" / "0" / "0.abc.partial"
    rest.write_bytes(b"half a shard")
    finish_store(tmp_path, layout, SlideMetadata("slide", layout.mpp), {})
    assert not rest.exists()


def test_finishing_twice_gives_the_same_files(tmp_path: Path) -> None:
    layout = small_layout(300, 200)
    once = contents(finished(tmp_path, layout))
    finish_store(
        tmp_path,
        layout,
        SlideMetadata(
            "tumour µ",
            layout.mpp,
            20.0,
            b"an ICC profile",
            "<OME>µ</OME>",
            {"label": LABEL, "macro image/1": LABEL[:40]},
        ),
        PROVENANCE,
    )
    assert contents(tmp_path) == once
