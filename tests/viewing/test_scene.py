"""From a result on disk to the addresses and numbers of a scene."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr

from tests.viewing.conftest import SHIFT
from wsi_refocus.errors import OutputError
from wsi_refocus.geometry import Region
from wsi_refocus.ngff.metadata import read_provenance
from wsi_refocus.ngff.quality_image import NOT_MEASURED
from wsi_refocus.ngff.store import read_level
from wsi_refocus.pipeline.refocus import refocus_slide
from wsi_refocus.viewing.scene import served_scene, served_store


def test_all_layers_are_served(output: Path) -> None:
    with served_scene(output) as scene:
        assert (scene.size, scene.mpp, scene.cell_um) == ((900, 1100), (0.5, 0.5), (256, 256))
        assert [name for name, _ in scene.shots] == ["plane-0", "plane-1"]
        assert [measure.name for measure in scene.measures][:2] == ["decision", "sharper"]
        assert scene.not_measured == NOT_MEASURED
        result = zarr.open_group(scene.result, mode="r")
        corner = result["0"][:, :200, :200].transpose(1, 2, 0)
        assert np.array_equal(corner, read_level(output, 0, Region(0, 0, 200, 200)))
        assert scene.quality is not None
        assert zarr.open_group(scene.quality, mode="r")["0"].shape == (len(scene.measures), 2, 3)


def test_the_moved_plane_is_laid_over_the_result(output: Path) -> None:
    """By its recorded shift, and in the right direction: what both show at one place is the same tissue."""
    place = Region(300, 400, 256, 256)
    result = read_level(output, 0, place).astype(float).mean(axis=2)
    alignment = read_provenance(output)["alignment"]
    assert alignment["shift_px"] == pytest.approx(SHIFT, abs=0.1)
    with served_scene(output) as scene:
        for name, address in scene.shots:
            group = zarr.open_group(address, mode="r", zarr_format=2)
            offset_um = group.attrs["multiscales"][0]["datasets"][0]["coordinateTransformations"][1]["translation"][1:]
            dy, dx = (round(offset / 0.5) for offset in offset_um)
            moved = name != f"plane-{alignment['grid_of_plane']}"
            assert (abs(dy), abs(dx)) == ((3, 2) if moved else (0, 0))
            plane = group["0"][:, place.y - dy : place.y1 - dy, place.x - dx : place.x1 - dx].mean(axis=0)
            assert np.corrcoef(result.ravel(), plane.ravel())[0, 1] > 0.9
            if moved:
                unmoved = group["0"][:, place.y : place.y1, place.x : place.x1].mean(axis=0)
                assert np.corrcoef(result.ravel(), unmoved.ravel())[0, 1] < 0.8


def test_planes_of_a_region_lie_on_its_pixels(two_shots: Path, tmp_path: Path) -> None:
    folder = tmp_path / "part.ome.zarr"
    refocus_slide(two_shots, output=folder, method="sharpest", workers=0, region=(128, 256, 600, 700))
    sharper = f"plane-{read_provenance(folder)['alignment']['grid_of_plane']}"
    with served_scene(folder) as scene:
        assert scene.size == (600, 700)
        plane = zarr.open_group(dict(scene.shots)[sharper], mode="r", zarr_format=2)
        assert plane["0"].shape == (3, 600, 700)
        assert np.array_equal(plane["0"][...].transpose(1, 2, 0), read_level(folder, 0, Region(0, 0, 600, 700)))


@pytest.mark.parametrize("what", ["gone", "changed"])
def test_planes_that_are_no_longer_there_are_left_out(
    what: str, two_shots: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    slide, folder = tmp_path / "slide.ome.tiff", tmp_path / "out.ome.zarr"
    shutil.copy(two_shots, slide)
    refocus_slide(slide, output=folder, method="sharpest", workers=0)
    if what == "gone":
        slide.unlink()
    else:
        slide.write_bytes(slide.read_bytes() + b"\0")
    caplog.clear()
    with served_scene(folder) as scene:
        assert not scene.shots
        assert len(zarr.open_group(scene.result, mode="r")["0"].shape) == 3
    (warning,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert warning.startswith(f"the input planes are not shown: {slide}: ")
    assert "\n" not in warning


def test_a_result_without_quality_image_is_shown(output: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.ome.zarr"
    shutil.copytree(output, copy)
    shutil.rmtree(copy / "quality")
    with served_scene(copy) as scene:
        assert scene.quality is None
        assert not scene.measures


def test_an_older_quality_image_says_what_was_not_measured(output: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.ome.zarr"
    shutil.copytree(output, copy)
    quality = zarr.open_group(copy / "quality", mode="r+")
    quality.attrs["quality"] = {**quality.attrs["quality"], "not_measured": 0.0}
    with served_scene(copy) as scene:
        assert scene.not_measured == 0


def test_what_is_no_finished_output_is_refused(output: Path, tmp_path: Path) -> None:
    unfinished = tmp_path / "unfinished.ome.zarr"
    shutil.copytree(output, unfinished)
    for root in ("zarr.json", ".zattrs"):
        (unfinished / root).unlink(missing_ok=True)
    file = tmp_path / "file.ome.zarr"
    file.touch()
    reasons = {unfinished: "finish it with", tmp_path / "absent": "no such folder", file: "no such folder"}
    for path, reason in reasons.items():
        for serve in (served_scene, served_store):
            with pytest.raises(OutputError, match=f"{path}: .*{reason}"), serve(path):
                pass
