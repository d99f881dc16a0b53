"""Two files of one plane each are one slide of two planes, if they belong together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.support.single_plane import write_svs, write_tiff
from tests.support.two_shot import Image, tissue, two_planes, write_ome_tiff
from wsi_refocus.errors import PlanePairError
from wsi_refocus.geometry import Region
from wsi_refocus.slide.open import SlideSpec, open_slide

REGION = Region(31, 17, 200, 300)


@pytest.mark.parametrize("kind", ["svs", "tiff", "strips", "ome.tiff"])
def test_two_files_make_a_slide_of_two_planes(kind: str, planes: tuple[Image, Image], tmp_path: Path) -> None:
    paths = [tmp_path / f"near.{kind}", tmp_path / f"far.{kind}"]
    for path, plane in zip(paths, planes, strict=True):
        if kind == "svs":
            write_svs(path, plane)
        elif kind == "ome.tiff":
            write_ome_tiff(path, [plane], z_um=None, compression="lzw")
        else:
            write_tiff(path, plane, tile=None if kind == "strips" else 256)
    with open_slide(*paths) as slide:
        assert slide.info.paths == tuple(map(str, paths))
        assert [plane.z_um for plane in slide.info.planes] == [None, None]
        assert any("unknown" in note for note in slide.info.notes)
        assert slide.info.mpp == (0.5, 0.5)
        assert len(set(slide.info.fingerprint)) == 2
        for index, plane in enumerate(planes):
            pixels = slide.read_region(index, 0, REGION).astype(int)
            assert np.abs(pixels - plane[REGION.slices]).mean() < (3 if kind == "svs" else 1e-9)


def test_heights_given_as_options_are_taken_and_noted(planes: tuple[Image, Image], tmp_path: Path) -> None:
    near, far = write_tiff(tmp_path / "a.tiff", planes[0]), write_tiff(tmp_path / "b.tiff", planes[1])
    with open_slide(near, far, z_um=(-0.75, 0.75), mpp=0.25) as slide:
        assert [plane.z_um for plane in slide.info.planes] == [-0.75, 0.75]
        assert slide.info.mpp == (0.25, 0.25)
        assert any("option" in note for note in slide.info.notes)


def test_heights_of_two_single_plane_ome_tiffs_are_known(planes: tuple[Image, Image], tmp_path: Path) -> None:
    paths = [
        write_ome_tiff(tmp_path / f"{z}.ome.tiff", [plane], z_um=(z,))
        for z, plane in zip((-1.0, 1.0), planes, strict=True)
    ]
    with open_slide(*paths) as slide:
        assert [plane.z_um for plane in slide.info.planes] == [-1.0, 1.0]


def test_associated_images_of_either_file_are_found(planes: tuple[Image, Image], tmp_path: Path) -> None:
    near, far = write_tiff(tmp_path / "a.tiff", planes[0]), write_svs(tmp_path / "b.svs", planes[1])
    with open_slide(near, far) as slide:
        assert slide.info.format == "openslide:generic-tiff + openslide:aperio"
        assert slide.info.magnification == 20
        assert slide.read_associated("macro").shape == (64, 96, 3)


@pytest.mark.parametrize(("shift", "gain", "blurs"), [((0, 0), 1.0, (0.5, 5.0)), ((9, -14), 0.85, (1, 3))])
def test_shift_gain_and_defocus_are_no_reason_to_refuse(
    shift: tuple[float, float], gain: float, blurs: tuple[float, float], tmp_path: Path
) -> None:
    near, far = two_planes(tissue((600, 800), 5), blurs, shift=shift, gain=(gain, gain, gain))
    with open_slide(write_svs(tmp_path / "a.svs", near), write_svs(tmp_path / "b.svs", far)) as slide:
        assert len(slide.info.planes) == 2


def refused(first: Path, second: Path) -> str:
    with pytest.raises(PlanePairError) as caught:
        open_slide(first, second)
    message = str(caught.value)
    assert message.startswith((str(first), str(second))) and "\n" not in message
    assert caught.value.exit_code == 3
    return message


def test_files_that_do_not_belong_together_are_refused(planes: tuple[Image, Image], tmp_path: Path) -> None:
    near = write_svs(tmp_path / "near.svs", planes[0])
    other = two_planes(tissue((420, 560), seed=77))[1]
    empty = np.full_like(planes[0], 240)
    empty[::7, ::5] -= 1
    assert "560" in refused(near, write_svs(tmp_path / "size.svs", planes[1][:, :500]))
    assert "--mpp" in refused(near, write_svs(tmp_path / "mpp.svs", planes[1], mpp=0.25))
    assert "other tissue" in refused(near, write_svs(tmp_path / "tissue.svs", other))
    assert "no tissue" in refused(near, write_svs(tmp_path / "empty.svs", empty))
    assert "same file" in refused(near, near)
    stack = write_ome_tiff(tmp_path / "stack.ome.tiff", planes)
    assert "--planes" in refused(near, stack)


def test_an_mpp_given_as_option_settles_a_difference(planes: tuple[Image, Image], tmp_path: Path) -> None:
    near = write_svs(tmp_path / "near.svs", planes[0])
    far = write_svs(tmp_path / "far.svs", planes[1], mpp=0.25)
    with open_slide(near, far, mpp=0.3) as slide:
        assert slide.info.mpp == (0.3, 0.3)


def test_workers_open_a_pair_without_comparing_its_tissue(planes: tuple[Image, Image], tmp_path: Path) -> None:
    near = write_ome_tiff(tmp_path / "a.ome.tiff", [planes[0]], z_um=None)
    far = write_ome_tiff(tmp_path / "b.ome.tiff", [planes[1]], z_um=None)
    with SlideSpec((str(near), str(far))).open() as slide:
        sources = slide._sources  # type: ignore[attr-defined]
        assert [source.segments_read for source in sources] == [0, 0]
