"""Training on the focal stacks of slides."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.command import call
from tests.support.stacks import simulated_stack
from tests.support.two_shot import tissue, write_ome_tiff, z_stack
from wsi_refocus.errors import OutputError, SlideError, UsageError
from wsi_refocus.network.dual_plane import Guesses
from wsi_refocus.pairing.stack_fields import focus_of, tissue_fields
from wsi_refocus.slide.focal_stack import open_stack
from wsi_refocus.training.slides import MARGIN, Drifts, import_stacks
from wsi_refocus.training.stacks import PARTS, read_fields

ONE = Guesses((0.0,))
FLAT_CONFIG = (
    'architecture = "unet"\nconfig = { width = 2, depth = 1 }\nsteps = 2\nbatch = 2\npatch = 224\nthreads = 1\n'
    'device = "cpu"\nloss = "mse"\n'
)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulated_stack(tmp_path_factory.mktemp("stack"))


def _stack(path: Path, seed: int, focus: int = 2) -> Path:
    """Slide of four fields and five planes 0.5 µm apart."""
    planes = z_stack(tissue(612, seed=seed)[100:, 100:], 5, focus)
    return write_ome_tiff(path, planes, z_um=[-1, -0.5, 0, 0.5, 1], compression="deflate")


def test_a_slide_is_imported_and_learned_from(simulated: Path, tmp_path: Path) -> None:
    arguments = ["import-stacks", simulated, "--defocus-offset", "0.8", "--drift-spread", "0.3", "--seed", "3"]
    done = call(*arguments, "-o", tmp_path / "data")
    assert done.returncode == 0, done.stderr
    assert "every seventh" in done.stderr
    train, validation = read_fields(tmp_path / "data", Guesses(), for_a_bank=True)
    counts = [sum(len(file.shots) for file in part) for part in (train, validation)]
    assert f"{counts[0]} fields to train on, {counts[1]} to validate on" in done.stdout
    assert counts[1] == 1 and sum(counts) > 4
    (tmp_path / "tiny.toml").write_text(FLAT_CONFIG)
    done = call("train", tmp_path / "tiny.toml", "--manifest", tmp_path / "data", "-o", tmp_path / "run", "-q")
    assert done.returncode == 0, done.stderr
    assert "z-stacks of stack-1.ome.tiff" in (tmp_path / "run" / "unet.md").read_text()


def test_the_truth_is_the_sharpest_plane_and_shots_are_moved_onto_it(simulated: Path, tmp_path: Path) -> None:
    import_stacks([simulated], tmp_path, ONE, Drifts(0.8, 0.0))
    fields = np.concatenate([np.load(tmp_path / part / "0000.shots.npy") for part in PARTS])
    inner = (slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN))
    with open_stack(simulated) as stack:
        squares = [stack.read(region) for region in tissue_fields(stack, 224 + 2 * MARGIN)]
    truths = {square[focus_of(square)[0]][inner].tobytes(): square for square in squares}
    assert len(fields) == len(squares)
    for first, second, truth, again in fields:
        square = truths[truth.tobytes()]
        focus = focus_of(square)[0]
        assert np.array_equal(truth, again)
        for shot, plane in ((first, square[focus - 1]), (second, square[focus + 1])):
            assert np.abs(shot.mean(axis=(0, 1)) - truth.mean(axis=(0, 1))).max() < 2
            moved, unmoved = (np.abs(each.astype(int) - truth).mean() for each in (shot, plane[inner]))
            assert moved < unmoved


def test_of_several_slides_whole_ones_are_held_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    slides = [_stack(tmp_path / f"{seed}.ome.tiff", seed) for seed in range(3)]
    with caplog.at_level("INFO"):
        train, validation = import_stacks(slides, tmp_path / "data", ONE, Drifts(0.5, 0.0, 1))
    (held_out,) = json.loads((tmp_path / "data" / "about.json").read_text())["validated_on"]
    assert f"validated on by slide: {tmp_path / held_out}" in caplog.text
    assert (train, validation) == (8, 4)
    with open_stack(tmp_path / held_out) as stack:
        truths = {stack.read(each)[2][MARGIN:-MARGIN, MARGIN:-MARGIN].tobytes() for each in tissue_fields(stack, 256)}
    assert {shots[2].tobytes() for shots in np.load(tmp_path / "data" / "validation" / "0000.shots.npy")} == truths
    drift = np.load(tmp_path / "data" / "fields" / "0000.drift_um.npy")
    assert np.all(drift == 0)


def test_drifts_belong_to_fields_and_those_beyond_the_stack_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    slide = _stack(tmp_path / "slide.ome.tiff", 5)
    with caplog.at_level("INFO"):
        train, validation = import_stacks([slide], tmp_path / "data", ONE, Drifts(0.5, 0.5, 2))
    with open_stack(slide) as stack:
        drawn = [Drifts(0.5, 0.5, 2).of(0, region) for region in tissue_fields(stack, 256)]
    inside = [each for each in drawn if abs(each) <= 0.755]
    assert len(set(drawn)) == 4 and train + validation == len(inside)
    found = np.concatenate([np.load(tmp_path / "data" / part / "0000.drift_um.npy") for part in PARTS])
    assert sorted(found) == sorted(round(2 * each) / 2 for each in inside)
    assert len(inside) == 4 or "would lie beyond the stack" in caplog.text


def test_stacks_that_cannot_be_learned_from_are_refused(tmp_path: Path) -> None:
    good = _stack(tmp_path / "good.ome.tiff", 1)
    folder = tmp_path / "data"
    with pytest.raises(UsageError, match="same slide"):
        import_stacks([good, good], folder, ONE, Drifts())
    with pytest.raises(UsageError, match="--defocus-offset"):
        import_stacks([good], folder, ONE, Drifts(0.0))
    with pytest.raises(OutputError, match="cannot be written"):
        import_stacks([good], good, ONE, Drifts(0.5, 0.0))
    with pytest.raises(UsageError, match="too few fields"):
        import_stacks([_stack(tmp_path / "end.ome.tiff", 1, focus=4)], folder, ONE, Drifts(0.5, 0.0))
    planes = z_stack(tissue(300, seed=1), 3, 1)
    with pytest.raises(SlideError, match="--z-step"):
        import_stacks([write_ome_tiff(tmp_path / "a.ome.tiff", planes, z_um=None)], folder, ONE, Drifts())
    with pytest.raises(SlideError, match="--mpp"):
        slide = write_ome_tiff(tmp_path / "b.ome.tiff", planes, z_um=[0, 1, 2], mpp=None)
        import_stacks([slide], folder, ONE, Drifts())
    two = write_ome_tiff(tmp_path / "two.ome.tiff", planes[:2])
    done = call("import-stacks", two, "-o", folder, "-q")
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 1)
    assert "two.ome.tiff: has 2 focal planes" in done.stderr
