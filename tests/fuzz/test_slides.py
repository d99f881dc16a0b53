"""Mutated slides: read, or refused in one line; no traceback, crash, hang or gigabytes."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.conftest import QUICK
from tests.fuzz.contained import read_contained
from tests.fuzz.mutations import changed_bytes, changed_json, changed_xml
from tests.support.ome import describe_ome
from tests.support.ome_zarr import write_ome_zarr
from tests.support.single_plane import write_svs, write_tiff
from tests.support.two_shot import tissue, write_ome_tiff
from wsi_refocus.errors import RefocusError
from wsi_refocus.geometry import Region
from wsi_refocus.slide.multiscales import parse_multiscales
from wsi_refocus.slide.ome_xml import parse_ome_xml
from wsi_refocus.slide.open import open_slide

IMAGE = tissue((48, 64), seed=1)
DOCUMENT = describe_ome((48, 64), 2, z_um=(0, 1), associated={"label": (16, 16)})


@contextlib.contextmanager
def refused_at_most() -> Any:
    """Let errors pass that a user can act on, if they are of one line."""
    try:
        yield
    except RefocusError as error:
        assert "\n" not in str(error)


@QUICK
@given(changed_xml(DOCUMENT))
def test_ome_xml(text: str) -> None:
    with refused_at_most():
        for image in parse_ome_xml(text, "slide.ome.tiff", 3, 3):
            assert len(image.pages) == len(image.z_um) == image.size_z
            assert all(page is None or 0 <= page < 3 for page in image.pages)
            assert image.magnification is None or np.isfinite(image.magnification)


def small_tiffs(folder: Path) -> list[bytes]:
    path = folder / "sound.tiff"
    return [
        *(
            write_ome_tiff(path, [IMAGE, IMAGE], tile=32, compression=compression, bigtiff=bigtiff).read_bytes()
            for compression, bigtiff in (("jpeg", False), ("deflate", True), ("jpeg2000", False), (None, False))
        ),
        write_svs(path, IMAGE, tile=32).read_bytes(),
        write_tiff(path, IMAGE, tile=32).read_bytes(),
        write_tiff(path, IMAGE, tile=None).read_bytes(),
    ]


@pytest.mark.parametrize("part", ["head", "all"])
def test_tiffs(part: str, tmp_path: Path) -> None:
    """In a process of their own, as decoders are written in C; the directories lie in the head of most files."""
    originals = small_tiffs(tmp_path)
    names: list[Path] = []

    @QUICK
    @given(st.data())
    def write_one(data: st.DataObject) -> None:
        original = data.draw(st.sampled_from(originals))
        names.append(tmp_path / f"{len(names)}.tiff")
        names[-1].write_bytes(data.draw(changed_bytes(original, within=400 if part == "head" else None)))

    write_one()
    (tmp_path / "sound").mkdir()
    sound = [tmp_path / "sound" / f"{number}.tiff" for number in range(len(originals))]
    for path, content in zip(sound, originals, strict=True):
        path.write_bytes(content)
    answers = read_contained(*sound, *names)
    assert answers[: len(sound)] == ["read"] * len(sound)
    assert len(answers) == len(sound) + len(names)
    assert any(answer.startswith("refused") for answer in answers)


def documents(store: Path) -> dict[Path, Any]:
    return {path: json.loads(path.read_text()) for path in sorted(store.rglob("*")) if path.name in _DOCUMENTS}


_DOCUMENTS = ("zarr.json", ".zgroup", ".zattrs", ".zarray")


@pytest.mark.parametrize("version", ["0.5", "0.4"])
def test_ome_zarr(version: str, tmp_path: Path) -> None:
    sound = write_ome_zarr(tmp_path / "sound.ome.zarr", [IMAGE, IMAGE], version=version, levels=1)
    (sound / ".zmetadata").unlink(missing_ok=True)
    before = documents(sound)
    tried = []

    @QUICK
    @given(st.data())
    def read_one(data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(sorted(before)))
        path.write_text(json.dumps(data.draw(changed_json(before[path]))))
        try:
            with refused_at_most(), open_slide(sound) as slide:
                size = slide.info.size
                slide.read_region(0, 0, Region(0, 0, min(64, size.height), min(64, size.width)))
                tried.append(slide.info)
        finally:
            path.write_text(json.dumps(before[path]))

    read_one()
    assert tried
    shutil.rmtree(sound)


@QUICK
@given(
    changed_json({
        "multiscales": [{
            "version": "0.4", "axes": [{"name": "c"}, {"name": "y", "unit": "micrometer"}, {"name": "x"}],
            "datasets": [{"path": "0", "coordinateTransformations": [
                {"type": "scale", "scale": [1, 0.5, 0.5]}, {"type": "translation", "translation": [0, 1, 1]}]}],
        }],
        "omero": {"channels": [{"color": "FF0000"}, {"color": "00FF00"}, {"color": "0000FF"}]},
    })
)  # fmt: skip
def test_multiscales(document: Any) -> None:
    with refused_at_most():
        image = parse_multiscales(document if isinstance(document, dict) else {}, "slide.ome.zarr")
        assert all(".." not in name.split("/") for name in image.datasets)
