"""Training on real focal stacks: the data of Jiang et al. 2018, imitated."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from tests.cli.command import call
from tests.support.two_shot import tissue
from wsi_refocus.errors import UsageError
from wsi_refocus.network.dual_plane import Guesses
from wsi_refocus.training.fields import FIELD
from wsi_refocus.training.jiang import PLANES, find_tiles
from wsi_refocus.training.stacks import fields_of_stack, read_fields

HEIGHTS = np.arange(-10, 10.1, 0.5)


def stack(seed: int, width: int = FIELD, focus_um: float = 0.0) -> np.ndarray:
    """41 planes, blurred with their distance from focus."""
    sharp = tissue((FIELD, width), seed=seed).astype(np.float32)
    return np.stack([
        gaussian_filter(sharp, (abs(z - focus_um), abs(z - focus_um), 0)).clip(0, 255).astype(np.uint8) for z in HEIGHTS
    ])  # fmt: skip


@pytest.fixture(scope="module")
def jiang(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four tiles of two slides, two squares each."""
    folder = tmp_path_factory.mktemp("jiang")
    for number, place in enumerate(("s1_l1", "s1_l2", "s2_l1", "s2_l2")):
        (folder / place).mkdir()
        for z, plane in zip(HEIGHTS, stack(number, 2 * FIELD + 30), strict=True):
            Image.fromarray(plane).save(folder / place / f"Seg{number + 1}_defocus{round(z * 1000)}.jpg", quality=95)
    return folder


def test_shots_lie_where_the_scanner_would_have_taken_them() -> None:
    """The truth is the plane in focus; the others are told from it by their blur."""
    planes = stack(1, focus_um=1.0)
    planes[:, 0, 0, 0] = np.arange(PLANES)  # both sides of focus look alike
    ((shots, candidates, drift),) = fields_of_stack(planes, HEIGHTS, 0.345, 1.0, 0.5, Guesses((0.0,)))
    index = {plane.tobytes(): z for z, plane in zip(HEIGHTS, planes, strict=True)}
    assert [index[shot.tobytes()] for shot in shots] == [1.0 - 1.0 - 0.5, 1.0 + 1.0 - 0.5, 1.0, 1.0]
    assert drift == pytest.approx(0.5)
    assert candidates.shape == (1, 3, FIELD, FIELD)


def test_each_square_has_its_own_focus_and_those_beyond_the_stack_are_left_out() -> None:
    planes = np.concatenate([stack(1, focus_um=-2.0), stack(2, focus_um=3.0), stack(3, focus_um=9.5)], axis=2)
    found = list(fields_of_stack(planes, HEIGHTS, 0.345, 1.5, 0.0, Guesses((0.0,))))
    assert len(found) == 2
    assert np.array_equal(found[1][0][2], planes[26, :, FIELD : 2 * FIELD])


def test_the_data_set_is_imported_and_learned_from(jiang: Path, tmp_path: Path) -> None:
    done = call("import-jiang", jiang, "-o", tmp_path / "data", "--seed", "3")
    assert done.returncode == 0, done.stderr
    train, validation = read_fields(tmp_path / "data", Guesses(), for_a_bank=True)
    counts = [sum(len(file.shots) for file in part) for part in (train, validation)]
    assert f"{counts[0]} fields to train on, {counts[1]} to validate on" in done.stdout
    assert sum(counts) == 8
    drifts = np.concatenate([file.drift_um for file in train + validation])
    assert len(np.unique(drifts)) <= 4
    config = tmp_path / "tiny.toml"
    config.write_text(
        'architecture = "unet"\nconfig = { width = 2, depth = 1 }\nsteps = 2\nbatch = 2\npatch = 224\nthreads = 1\n'
        'device = "cpu"\nloss = "mse"\n'
    )
    done = call("train", config, "--manifest", tmp_path / "data", "-o", tmp_path / "run", "-q")
    assert done.returncode == 0, done.stderr
    assert "Jiang" in (tmp_path / "run" / "unet.md").read_text()


def test_folders_that_are_not_the_data_set_are_refused(jiang: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no"):
        find_tiles(tmp_path)
    assert {len(planes) for planes in find_tiles(jiang).values()} == {PLANES}
    (tmp_path / "s1_l1").mkdir()
    (tmp_path / "s1_l1" / "Seg1_defocus0.jpg").write_bytes(b"")
    with pytest.raises(UsageError, match="1 of 41 planes"):
        find_tiles(tmp_path)
    with pytest.raises(UsageError, match="no imported fields"):
        read_fields(tmp_path, Guesses(), for_a_bank=True)
