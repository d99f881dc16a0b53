"""Measuring methods where the truth is known."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image
from scipy import ndimage

from tests.support.two_shot import tissue
from wsi_refocus.errors import SlideError, UsageError
from wsi_refocus.evaluation.case import Case, Score, restored, score
from wsi_refocus.evaluation.simulated import FIELD, simulated_cases
from wsi_refocus.evaluation.stack import cases_of_stack, read_stack
from wsi_refocus.evaluation.table import by_case, by_drift, rows
from wsi_refocus.methods import MethodSpec, ShotGeometry, make_method
from wsi_refocus.training.manifest import Entry
from wsi_refocus_cli.app import group

SIGMAS = (3.0, 2.0, 0.0, 1.0, 2.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stack through focus; its first plane is moved and dimmer."""
    path = tmp_path_factory.mktemp("stack")
    truth = tissue((128, 160), seed=3).astype(np.float32)
    for number, sigma in enumerate(SIGMAS):
        plane = ndimage.gaussian_filter(truth, (sigma, sigma, 0))
        if number == 0:
            plane = 0.9 * ndimage.shift(plane, (1.5, -1.0, 0), mode="mirror")
        Image.fromarray(plane.clip(0, 255).astype(np.uint8)).save(path / f"plane_{number}.png")
    return path


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> list[Entry]:
    path = tmp_path_factory.mktemp("images")
    for split in ("train", "test"):
        Image.fromarray(tissue((340, 340), seed=len(split))).save(path / f"{split}.png")
    return [Entry(path / f"{split}.png", split, 0.25, split) for split in ("train", "test")]


def test_the_sharpest_plane_is_the_truth_of_all_pairs_around_it(folder: Path) -> None:
    cases = cases_of_stack(read_stack(folder), 0.5, 0.25)
    assert [case.name for case in cases] == ["planes 1, 3", "planes 0, 3", "planes 1, 4", "planes 0, 4"]
    assert [case.drift_um for case in cases] == [0.0, 0.25, -0.25, 0.0]
    assert [case.shots.offset_um for case in cases] == [0.5, 0.75, 0.75, 1.0]


def test_shots_are_moved_and_matched_to_the_truth(folder: Path) -> None:
    planes = read_stack(folder)
    (case,) = cases_of_stack(planes, 0.5, 0.25, pairs=[(0, 4)])
    wanted = ndimage.gaussian_filter(planes[2].astype(np.float32), (3, 3, 0))
    inner = (slice(8, -8), slice(8, -8))
    assert np.abs(case.first[inner] - wanted[inner]).mean() < 2 < np.abs(planes[0][inner] - wanted[inner]).mean()


def test_scores_are_those_of_the_images(folder: Path) -> None:
    planes = read_stack(folder)
    (case,) = cases_of_stack(planes, 0.5, 0.25, pairs=[(1, 3)])
    found = score(case, [MethodSpec("mean"), MethodSpec("sharpest"), MethodSpec("joint")])
    assert found["sharper shot"].psnr > found["other shot"].psnr
    assert found["sharpest"] == found["sharper shot"]
    assert 0 < found["joint"].ssim < 1


def test_a_picture_of_any_size_is_restored(folder: Path) -> None:
    planes = read_stack(folder)
    image = restored(make_method(MethodSpec("joint")), planes[1][:101, :77], planes[3][:101, :77])
    assert image.shape == (101, 77, 3)
    untouched = restored(make_method(MethodSpec("mean")), planes[2], planes[2])
    assert np.array_equal(untouched, planes[2])


def test_simulated_cases_are_of_the_split_and_the_same_again(entries: list[Entry]) -> None:
    cases = list(simulated_cases(entries, "test", 3, 0.75, 5))
    again = list(simulated_cases(entries, "test", 3, 0.75, 5))
    assert {case.name for case in cases} == {"test.png"}
    assert cases[0].truth.shape == (FIELD, FIELD, 3)
    assert all(np.array_equal(one.first, two.first) for one, two in zip(cases, again, strict=True))
    assert len({case.drift_um for case in cases}) == 3
    with pytest.raises(UsageError, match="absent"):
        next(iter(simulated_cases(entries, "absent", 1, 0.75, 0)))


def _case(drift: float) -> Case:
    empty = np.zeros((8, 8, 3), np.uint8)
    return Case("one", empty, empty, empty, ShotGeometry(), drift)


def test_tables_tell_averages_gain_and_harm() -> None:
    cases = [_case(0.2), _case(-0.7)]
    names = ("sharper shot", "other shot", "mean", "new")
    scores = [
        {name: Score(value, 0.9) for name, value in zip(names, row, strict=True)}
        for row in ((30.0, 20.0, 29.0, 32.0), (30.0, 28.0, 31.0, 29.0))
    ]
    table = rows(cases, scores)
    text = by_drift(table)
    assert "| 0-0.5 | 1 | 30.00 | 20.00 | 29.00 | 32.00 |" in text
    assert "| gain over the sharper shot |  | +0.00 | -6.00 | +0.00 | +0.50 |" in text
    assert "| gain over the better |  | -0.50 | -6.50 | -0.50 | +0.00 |" in text
    assert "| share not worse than the sharper shot |  | 100 % | 0 % | 50 % | 50 % |" in text
    assert "| average | 30.00 | 24.00 | 30.00 | 30.50 |" in by_case(table)


@pytest.mark.parametrize(
    ("truth", "pairs", "error", "why"),
    [
        (0, [], SlideError, "through focus"),
        (9, [], UsageError, "no plane 9"),
        (2, [(3, 4)], UsageError, "both sides"),
        (2, [(1, 7)], UsageError, "no plane 7"),
    ],
)
def test_planes_that_make_no_case_are_refused(
    folder: Path, truth: int, pairs: list[tuple[int, int]], error: type[Exception], why: str
) -> None:
    with pytest.raises(error, match=why):
        cases_of_stack(read_stack(folder), 0.5, 0.25, truth, pairs)


def test_folders_that_are_no_stack_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SlideError, match="0 images"):
        read_stack(tmp_path)
    for number, edge in enumerate((32, 32, 40)):
        Image.new("RGB", (edge, edge)).save(tmp_path / f"{number}.png")
    with pytest.raises(SlideError, match="differ in size"):
        read_stack(tmp_path)
    (tmp_path / "2.png").write_text("no image")
    with pytest.raises(SlideError, match=r"2\.png"):
        read_stack(tmp_path)


def test_the_command_prints_a_table_and_names_what_it_assumes(folder: Path, tmp_path: Path) -> None:
    csv = tmp_path / "scores.csv"
    part = ["--pair", "1,3", "--region", "0,0,96,128"]
    result = CliRunner().invoke(group, ["evaluate", str(folder), "--method", "joint", *part, "--csv", str(csv)])
    assert result.exit_code == 0, result.output
    assert "0.25 µm is assumed" in result.stderr
    assert "| planes 1, 3 |" in result.stdout
    assert list(pd.read_csv(csv)["case"]) == ["planes 1, 3"]


def test_the_command_simulates_a_manifest(entries: list[Entry], tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.csv"
    lines = [f"{entry.path},{entry.group},{entry.mpp},{entry.split}" for entry in entries]
    manifest.write_text("\n".join(["file,group,mpp,split", *lines]))
    result = CliRunner().invoke(group, ["evaluate", str(manifest), "--method", "joint", "--count", "2", "-q"])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0] == "| |δ| in µm | cases | sharper shot | other shot | mean | joint |"
    assert result.stderr == ""
