"""Simulated slides."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

from tests.cli.command import call
from tests.support.two_shot import tissue
from wsi_refocus.errors import OutputError, SlideError, UsageError
from wsi_refocus.geometry import Region, Size
from wsi_refocus.quality.fidelity import psnr
from wsi_refocus.simulation import blocks, simulate
from wsi_refocus.simulation.acquisition import Pass, draw_slide_acquisition
from wsi_refocus.simulation.blocks import simulated_block
from wsi_refocus.simulation.fields import Topography, white_noise
from wsi_refocus.slide.open import open_slide

MPP = 0.5


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An in-focus slide of one plane."""
    path = tmp_path_factory.mktemp("slide") / "focus.ome.tiff"
    metadata = {"axes": "YXS", "PhysicalSizeX": MPP, "PhysicalSizeY": MPP}
    tifffile.imwrite(path, tissue((400, 560), seed=3), tile=(256, 256), photometric="rgb", metadata=metadata)
    return path


def _whole(image: np.ndarray):
    def read(y: int, x: int, height: int, width: int) -> np.ndarray:
        rows, columns = (
            np.abs((np.arange(start, start + count) + side) % (2 * side) - side + 0.5).astype(int)
            for start, count, side in ((y, height, image.shape[0]), (x, width, image.shape[1]))
        )
        return image[rows[:, None].clip(0, image.shape[0] - 1), columns.clip(0, image.shape[1] - 1)]

    return read


@pytest.mark.parametrize("taken", [None, Pass(0.75, (1.3, -2.6), 1.0005, (1.01, 1.0, 0.99))])
def test_blocks_join(taken: Pass | None) -> None:
    acquisition = draw_slide_acquisition((-0.75, 0.75), 4, {"drift_um": 0.3})
    read = _whole(tissue((300, 300), seed=1))
    whole = simulated_block(read, acquisition, taken, 1, MPP, 0, 0, Size(256, 256)).astype(int)
    parts = [simulated_block(read, acquisition, taken, 1, MPP, 0, x, Size(256, 128)) for x in (0, 128)]
    assert np.abs(np.hstack(parts).astype(int) - whole).max() <= 2
    assert np.mean(np.hstack(parts) != whole) < 0.1


def test_noise_belongs_to_places() -> None:
    whole = white_noise((1, 2), -300, 100, 700, 400)
    assert np.array_equal(white_noise((1, 2), 10, 130, 50, 60), whole[310:360, 30:90])
    assert not np.array_equal(white_noise((1, 3), 10, 130, 50, 60), whole[310:360, 30:90])
    assert np.std(whole) == pytest.approx(1, abs=0.01)


def test_topography_is_as_high_as_it_says() -> None:
    y, x = (np.linspace(0, 50_000, 400, dtype=np.float32) for _ in range(2))
    height = Topography(0.5, 800, (0.0, 0.0), 3).at(y[:, None], x[None])
    assert np.std(height) == pytest.approx(0.5, rel=0.1)
    tilted = Topography(0.0, 800, (0.2, 0.0), 3).at(y[:, None], x[None])
    assert tilted[-1, 0] == pytest.approx(10, rel=1e-3)


def test_a_simulated_slide_can_be_refocused(slide: Path, tmp_path: Path) -> None:
    """The command's slide is read by `info` and `run`, which knows the truth; the same seed gives the same bytes."""
    options = ["--seed", "5", "--drift", "0.2", "--quiet"]
    for name in ("one", "two"):
        made, truth = tmp_path / f"{name}.ome.tiff", tmp_path / f"{name}.truth.ome.tiff"
        done = call("simulate", slide, "-o", made, "--truth", truth, *options)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with open_slide(str(tmp_path / "one.ome.tiff")) as one, open_slide(str(tmp_path / "two.ome.tiff")) as two:
        assert [plane.z_um for plane in one.info.planes] == [-0.75, 0.75]
        assert one.info.mpp == pytest.approx((MPP, MPP))
        whole = Region(0, 0, 400, 560)
        shots = [one.read_region(plane, 0, whole) for plane in (0, 1)]
        assert all(np.array_equal(two.read_region(plane, 0, whole), shots[plane]) for plane in (0, 1))
    with open_slide(str(tmp_path / "one.truth.ome.tiff")) as in_focus:
        assert psnr(in_focus.read_region(0, 0, whole), shots[0]) > 20
    drawn = json.loads((tmp_path / "one.json").read_text())
    assert drawn["camera"]["drift_um"] == 0.2
    assert "tilt_um" not in drawn["camera"]
    assert (tmp_path / "one.ome.tiff").read_bytes() == (tmp_path / "two.ome.tiff").read_bytes()
    assert drawn["passes"][1]["z_um"] == 0.75
    done = call("run", tmp_path / "one.ome.tiff", "-o", tmp_path / "out.zarr", "--method", "joint", "--workers", "0",
                "--reference", tmp_path / "one.truth.ome.tiff", "--json", "--quiet")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["psnr_db"]["output"] > 20


def test_a_stack_goes_through_focus(slide: Path, tmp_path: Path) -> None:
    done = call("simulate", slide, "-o", tmp_path / "s.ome.tiff", "--planes", "5", "--z-step", "0.8", "--drift", "0",
                "--phase", "0", "--region", "0,0,256,256", "-q")  # fmt: skip
    assert done.returncode == 0, done.stderr
    with open_slide(str(tmp_path / "s.ome.tiff")) as stack:
        assert [plane.z_um for plane in stack.info.planes] == pytest.approx([-1.6, -0.8, 0.0, 0.8, 1.6])
        spread = [float(np.diff(stack.read_region(k, 0, Region(0, 0, 256, 256)).astype(float), axis=1).std())
                  for k in range(5)]  # fmt: skip
    assert np.argmax(spread) in (1, 2, 3)
    assert min(spread[0], spread[4]) < 0.9 * max(spread)


def test_many_blocks_look_like_one(slide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    acquisition = draw_slide_acquisition((-0.75, 0.75), 1, {})
    acquisition = replace(acquisition, camera=replace(acquisition.camera, electrons=1e7, read_noise=0.0))
    pixels = []
    for name, edge in (("one", 768), ("many", 160)):
        monkeypatch.setattr(simulate, "BLOCK", edge)
        simulate.simulate_slide(slide, tmp_path / f"{name}.ome.tiff", acquisition, quality=100)
        with open_slide(str(tmp_path / f"{name}.ome.tiff")) as made:
            pixels.append(made.read_region(1, 0, Region(0, 0, 400, 560)).astype(int))
    assert np.abs(pixels[0] - pixels[1]).max() <= 6
    assert np.abs(pixels[0] - pixels[1]).mean() < 0.6
    assert blocks.MARGIN * MPP > 16


def test_bad_input_is_refused(slide: Path, tmp_path: Path) -> None:
    acquisition = draw_slide_acquisition((-0.5, 0.5), 0, {})
    there = tmp_path / "there.ome.tiff"
    there.touch()
    with pytest.raises(OutputError, match="--overwrite"):
        simulate.simulate_slide(slide, there, acquisition)
    with pytest.raises(UsageError, match="beyond"):
        simulate.simulate_slide(slide, tmp_path / "a.ome.tiff", acquisition, region=Region(0, 0, 401, 10))
    with pytest.raises(OutputError, match="folder"):
        simulate.simulate_slide(slide, tmp_path / "none" / "a.ome.tiff", acquisition)
    plain = tmp_path / "plain.tiff"
    tifffile.imwrite(plain, tissue(300), tile=(256, 256), photometric="rgb")
    with pytest.raises(SlideError, match="--mpp"):
        simulate.simulate_slide(plain, tmp_path / "a.ome.tiff", acquisition)
    assert not (tmp_path / "a.ome.tiff").exists()
