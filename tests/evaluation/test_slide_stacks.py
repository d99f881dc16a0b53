"""Focal stacks that are slides: evaluation and calibration on their fields."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.cli.command import call
from tests.support.ome_zarr import write_ome_zarr
from tests.support.stacks import HEIGHTS, MPP, simulated_stack
from tests.support.two_shot import BACKGROUND, tissue, write_ome_tiff, z_stack
from wsi_refocus.errors import SlideError, UsageError
from wsi_refocus.evaluation.case import BASELINES, Case, Score
from wsi_refocus.evaluation.stack import cases_of_stack, fields_in_focus
from wsi_refocus.evaluation.table import by_distance, row_of
from wsi_refocus.geometry import Region
from wsi_refocus.methods import ShotGeometry
from wsi_refocus.pairing.stack_fields import AT_THE_END, FLAT, focus_of, tissue_fields
from wsi_refocus.slide.focal_stack import open_stack

TWO = [Region(0, 0, 512, 512), Region(0, 512, 512, 512)]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulated_stack(tmp_path_factory.mktemp("stack"))


def test_a_slide_is_evaluated_by_distance_in_planes(stack: Path, tmp_path: Path) -> None:
    done = call("evaluate", stack, "--method", "joint", "--output", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "assumed" not in done.stderr
    assert "2 of 2 fields of 512 × 512 px show tissue" in done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "| PSNR, dB, by planes from the truth | sharper shot | other shot | mean | joint |"
    rows = [line.split(" | ")[0].strip("| ") for line in lines[2:]]
    assert rows == ["nearer shot 1 (6)", "1 and 1 (2)", "1 and 2 (2)", "1 and 3 (2)", "all (6)"]
    table = pd.read_csv(tmp_path / "scores.csv")
    assert set(table["case"]) == {f"field 0,{x}: planes 0, {high}" for x in (0, 512) for high in (2, 3, 4)}
    assert sorted(set(table["offset_um"])) == pytest.approx([0.8, 1.2, 1.6])
    assert sorted(set(table["drift_um"])) == pytest.approx([-0.8, -0.4, 0.0])
    assert f"{table['psnr joint'].mean():.2f} |" in lines[-1]
    assert Image.open(tmp_path / "sheet.png").width > 300


@pytest.mark.long
def test_a_scanner_is_fitted_to_a_few_fields_of_a_slide(stack: Path, tmp_path: Path) -> None:
    profile = tmp_path / "scanner.json"
    done = call("calibrate", stack, "-o", profile, "--pair", "0,3", "--tuning-steps", "0", "-q")
    assert done.returncode == 0, done.stderr
    assert [line.split(" | ")[0] for line in done.stdout.splitlines()[2:]] == [
        "| field 0,0: planes 0, 3", "| field 0,512: planes 0, 3", "| average",
    ]  # fmt: skip
    assert json.loads(profile.read_text())["figures"]["mpp"] == MPP


def test_shots_of_a_slide_are_moved_onto_their_truth(stack: Path) -> None:
    """The simulated passes are up to 2 px apart; unmoved, their mean would be far from the truth."""
    with open_stack(stack) as opened:
        assert opened.z_um == HEIGHTS
        field, _ = fields_in_focus(opened, TWO)
    (case,) = cases_of_stack(field.planes, HEIGHTS, MPP, field.truth, [(0, 2)])
    before = np.abs(field.planes[2].astype(int) - case.truth).mean()
    assert np.abs(case.second.astype(int) - case.truth).mean() < 0.8 * before


def test_a_store_is_a_stack_and_its_planes_come_lowest_first(tmp_path: Path) -> None:
    planes = z_stack(tissue(256, seed=1), 4, 1)
    store = write_ome_zarr(tmp_path / "store.zarr", planes, z_um=(2.0, 1.5), levels=1)
    with open_stack(store) as opened:
        assert opened.z_um == pytest.approx((0.5, 1.0, 1.5, 2.0))
        assert opened.mpp == MPP
        read = opened.read(Region(0, 0, 256, 256))
        assert all(np.array_equal(one, other) for one, other in zip(read, planes[::-1], strict=True))


def test_what_is_given_wins_and_a_contradiction_is_logged(stack: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), open_stack(stack, 0.8, 0.5) as opened:
        assert opened.z_um == HEIGHTS
        assert not caplog.records
    with caplog.at_level(logging.WARNING), open_stack(stack, 0.5, 0.25) as opened:
        assert opened.z_um == (0.0, 0.5, 1.0, 1.5, 2.0)
        assert opened.mpp == 0.25
    assert "0.8 µm apart; 0.5 is taken" in caplog.text
    assert "0.5 µm per pixel; 0.25 is taken" in caplog.text


def test_heights_that_are_unknown_are_guessed_aloud(tmp_path: Path) -> None:
    planes = z_stack(tissue(600, seed=1)[80:, 80:], 3, 1)
    slide = write_ome_tiff(tmp_path / "slide.ome.tiff", planes, z_um=None, mpp=None)
    done = call("evaluate", slide, "--method", "mean", "-q")
    assert done.returncode == 0, done.stderr
    assert "the z-step of the stack is not given; 0.5 µm is assumed" in done.stderr
    assert "the mpp of the stack is not given; 0.25 µm is assumed" in done.stderr
    assert "| planes 0, 2 |" in done.stdout


def test_glass_is_no_field_and_the_others_are_spread(tmp_path: Path) -> None:
    image = np.full((512, 1100, 3), BACKGROUND, np.uint8)
    image[:, :600] = tissue(700, seed=3)[100:612, 100:]
    slide = write_ome_tiff(tmp_path / "slide.ome.tiff", z_stack(image, 3, 1), z_um=[-1, 0, 1])
    with open_stack(slide) as opened:
        found = tissue_fields(opened, 128)
        assert found == [Region(y, x, 128, 128) for y in range(0, 512, 128) for x in range(0, 640, 128)]
        few = tissue_fields(opened, 128, count=4)
        assert len(few) == 4 and set(few) < set(found) and few == sorted(few)
        assert tissue_fields(opened, 128, Region(10, 20, 300, 200)) == [
            Region(10, 20, 128, 128), Region(138, 20, 128, 128)
        ]  # fmt: skip
        with pytest.raises(SlideError, match="shows tissue"):
            tissue_fields(opened, 128, Region(0, 800, 256, 256))
        with pytest.raises(UsageError, match="beyond"):
            tissue_fields(opened, 128, Region(500, 0, 128, 128))


def test_planes_that_are_no_truth_are_told(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    sharp = tissue(300, seed=4)[100:, 100:]
    noise = np.random.default_rng(0)
    glass = [np.clip(BACKGROUND + noise.normal(0, 1.5, (128, 128, 3)), 0, 255).astype(np.uint8) for _ in range(5)]
    assert focus_of(z_stack(sharp, 5, 3)) == (3, "")
    assert focus_of(z_stack(sharp, 5, 4)) == (4, AT_THE_END)
    assert focus_of(glass)[1] == FLAT
    left, right = (z_stack(tissue(600, seed=5)[80:592, 80:592], 4, focus) for focus in (2, 3))
    planes = [np.hstack(pair) for pair in zip(left, right, strict=True)]
    slide = write_ome_tiff(tmp_path / "slide.ome.tiff", planes, z_um=range(4))
    with open_stack(slide) as opened, caplog.at_level(logging.INFO):
        (field,) = fields_in_focus(opened, TWO)
        assert (field.name, field.truth) == ("field 0,0", 2)
        assert "1 of 2 fields are left out: 1 sharpest in the first or last plane" in caplog.text
        with pytest.raises(SlideError, match="no named pair"):
            list(fields_in_focus(opened, TWO, pairs=[(0, 1)]))
        with pytest.raises(UsageError, match="no plane 4"):
            list(fields_in_focus(opened, TWO, pairs=[(0, 4)]))


def test_the_table_averages_over_fields() -> None:
    rows = []
    for name, steps, level in (("a", (1, 2), 30.0), ("b", (2, 1), 32.0), ("a", (2, 2), 20.0)):
        picture = np.zeros((4, 4, 3), np.uint8)
        case = Case(name, picture, picture, picture, ShotGeometry(0.5, 0.25), 0.0, steps)
        rows.append(row_of(case, {each: Score(level, 1, 0, 0, 0, 1, cells=20, true_cells=21) for each in BASELINES}))
    lines = by_distance(pd.DataFrame(rows)).splitlines()[2:]
    assert [line.split(" | ")[0].strip("| ") for line in lines] == [
        "nearer shot 1 (2)", "nearer shot 2 (1)", "1 and 2 (2)", "2 and 2 (1)", "all (3)",
    ]  # fmt: skip
    assert [line.split(" | ")[1] for line in lines] == ["31.00", "20.00", "31.00", "20.00", "27.33"]


def _two_planes(folder: Path) -> Path:
    return write_ome_tiff(folder / "slide.ome.tiff", z_stack(tissue(300, seed=1), 2, 0))


def _focus_at_the_end(folder: Path) -> Path:
    planes = z_stack(tissue((600, 1120), seed=1)[80:, 80:], 3, 0)
    return write_ome_tiff(folder / "slide.ome.tiff", planes, z_um=[0, 1, 2])


def _one_field_with_focus_at_the_end(folder: Path) -> Path:
    return write_ome_tiff(folder / "slide.ome.tiff", z_stack(tissue(600, seed=1)[80:, 80:], 3, 2), z_um=[0, 1, 2])


def _glass(folder: Path) -> Path:
    planes = [np.full((600, 600, 3), BACKGROUND, np.uint8)] * 3
    return write_ome_tiff(folder / "slide.ome.tiff", planes, z_um=[0, 1, 2])


def _text(folder: Path) -> Path:
    (folder / "slide.svs").write_text("not a slide\n" * 50)
    return folder / "slide.svs"


def _missing(folder: Path) -> Path:
    return folder / "slide.svs"


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (_two_planes, "wsi-refocus simulate"),
        (_focus_at_the_end, "first or last plane"),
        (_one_field_with_focus_at_the_end, "--truth"),
        (_glass, "shows tissue"),
        (_text, "OpenSlide"),
        (_missing, ""),
    ],
    ids=lambda each: each.__name__.strip("_") if callable(each) else "",
)
def test_stacks_that_cannot_be_used(make: Callable[[Path], Path], why: str, tmp_path: Path) -> None:
    slide = make(tmp_path)
    commands = [["evaluate", slide], ["calibrate", slide, "-o", tmp_path / "p.json"]]
    for arguments in commands if make is _two_planes else commands[:1]:
        done = call(*arguments, "-q")
        assert done.returncode == 3, done.stderr
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
        assert "slide." in done.stderr and why in done.stderr
