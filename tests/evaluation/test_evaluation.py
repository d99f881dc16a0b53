"""Measuring methods where the truth is known."""

from dataclasses import replace
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
from wsi_refocus.evaluation.simulated import FIELD, PAPER_DRIFTS_UM, Protocol, entries_of, simulated_case
from wsi_refocus.evaluation.stack import cases_of_stack, read_stack
from wsi_refocus.evaluation.table import by_case, by_drift, by_method, by_pixel_size, interval, normal_average, row_of
from wsi_refocus.methods import MethodSpec, ShotGeometry, make_method
from wsi_refocus.network.cost import Cost
from wsi_refocus.quality.cells import count_cells
from wsi_refocus.quality.spectrum import fine_ratio, ring_errors
from wsi_refocus.quality.stain import stain_errors
from wsi_refocus.training.manifest import Entry
from wsi_refocus_cli.app import group


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
    assert replace(found["sharpest"], seconds_per_mp=0.0) == found["sharper shot"]
    assert found["joint"].seconds_per_mp > 0
    assert 0 < found["joint"].ssim < 1
    assert {each.true_cells for each in found.values()} == {count_cells(planes[2], 0.25)}
    assert found["mean"].cells == count_cells(restored(make_method(MethodSpec("mean")), planes[1], planes[3]), 0.25)


def test_a_picture_of_any_size_is_restored(folder: Path) -> None:
    planes = read_stack(folder)
    image = restored(make_method(MethodSpec("joint")), planes[1][:101, :77], planes[3][:101, :77])
    assert image.shape == (101, 77, 3)
    untouched = restored(make_method(MethodSpec("mean")), planes[2], planes[2])
    assert np.array_equal(untouched, planes[2])


def test_simulated_cases_are_the_same_again(entries: list[Entry]) -> None:
    chosen = entries_of(entries, "test")
    cases, again = ([simulated_case(chosen, Protocol(seed=5), number) for number in range(3)] for _ in range(2))
    assert {case.name for case in cases} == {"test.png"}
    assert cases[0].truth.shape == (FIELD, FIELD, 3)
    assert all(np.array_equal(one.first, two.first) for one, two in zip(cases, again, strict=True))
    assert len({case.drift_um for case in cases}) == 3
    with pytest.raises(UsageError, match="absent"):
        entries_of(entries, "absent")


def test_in_the_papers_protocol_an_input_can_be_the_truth(entries: list[Entry]) -> None:
    protocol = Protocol("paper", "planar")
    cases = [simulated_case(entries, protocol, number) for number in (5, 6, 7)]
    assert [case.drift_um for case in cases] == [-0.5, 0.0, 0.5]
    assert np.array_equal(cases[0].first, cases[0].truth)
    assert np.array_equal(cases[2].second, cases[2].truth)
    assert not np.array_equal(cases[1].first, cases[1].truth)
    assert all(np.array_equal(case.truth, cases[0].truth) for case in cases)


def test_the_planar_control_is_alike_on_both_sides_of_focus(entries: list[Entry]) -> None:
    case = simulated_case(entries, Protocol("paper", "planar"), 6)
    difference = case.first.astype(float) - case.second
    assert np.std(difference) == pytest.approx(np.sqrt(2), abs=0.2)  # one grey level of noise in each, and rounding


def _case(drift: float, name: str = "one") -> Case:
    empty = np.zeros((8, 8, 3), np.uint8)
    return Case(name, empty, empty, empty, ShotGeometry(), drift)


def _score(value: float, cells: int = 20) -> Score:
    return Score(value, 0.9, 0.01, 0.02, 0.1, 1.0, cells, 20, 2.0)


def test_tables_tell_averages_gain_and_harm() -> None:
    names = ("sharper shot", "other shot", "mean", "new")
    values = ((30.0, 20.0, 29.0, 32.0), (30.0, 28.0, 31.0, 29.0))
    rows = [
        row_of(case, {name: _score(value) for name, value in zip(names, row, strict=True)})
        for case, row in zip((_case(0.2), _case(-0.7, "two")), values, strict=True)
    ]
    table = pd.DataFrame(rows)
    assert "| new | 32.00 | 29.00 | 30.50 ± 1.50 |" in by_drift(table)
    line = next(line for line in by_method(table, {"new": Cost(1.5, 2.5)}).splitlines() if line.startswith("| new"))
    assert line.startswith("| new | +0.50 ± 1.50 | +0.00 ± 2.00 | 50.0 | 0.9000 |")
    assert line.endswith("| 1.50 | 2.50 | 2.00 |")
    assert "| average | 30.00 | 24.00 | 30.00 | 30.50 |" in by_case(table)


def test_pixel_sizes_are_told_apart() -> None:
    names = ("sharper shot", "other shot", "mean", "new")
    rows = [
        row_of(
            replace(_case(0.0, name), shots=ShotGeometry(mpp=mpp)),
            {name: _score(value) for name, value in zip(names, (30.0, 20.0, mean, new), strict=True)},
        )
        for name, mpp, mean, new in (("a", 0.23, 32.0, 33.0), ("b", 0.2527, 28.0, 33.0), ("c", 0.5, 29.0, 29.0))
    ]
    table = pd.DataFrame(rows)
    head, _, *lines = by_pixel_size(table).splitlines()
    assert head.endswith("| 0.25 µm (2) | 0.50 µm (1) |")
    assert "| new | 33.00 (+2.00 ± 1.00) | 29.00 (-1.00 ± 0.00) |" in lines
    assert "| sharper shot | 30.00 (-1.00 ± 1.00) | 30.00 (+0.00 ± 0.00) |" in lines
    assert by_pixel_size(table[table["mpp"] < 0.4]) == ""


def test_cells_are_compared_case_by_case_and_by_their_means() -> None:
    """One cell too many here and three too few there: the paper's measure sees only what does not cancel."""
    rows = [
        row_of(_case(0.0, str(cells)), {name: _score(30.0, cells) for name in ("sharper shot", "other shot", "mean")})
        for cells in (21, 17)
    ]
    head, _, line, *_ = by_method(pd.DataFrame(rows), {}).splitlines()
    cells = dict(zip(head.split(" | "), line.split(" | "), strict=True))
    assert cells["cells, mean abs. difference"] == "2.00"
    assert cells["cells, difference of means"] == "-1.00 of 20.00"


def test_intervals_keep_cases_of_one_image_together() -> None:
    """Ten cases of one image tell no more of other images than one."""
    alone = pd.DataFrame({"case": ["a", "b"], "x": [0.0, 1.0]})
    many = pd.DataFrame({"case": ["a"] * 10 + ["b"] * 10, "x": [0.0] * 10 + [1.0] * 10})
    assert interval(many, "x") == pytest.approx(interval(alone, "x"))
    assert interval(many.assign(case=range(20)), "x") < 0.6 * interval(alone, "x")


def test_the_papers_averages_are_those_of_drifts_as_they_occur() -> None:
    """Table III weighted with N(0, 1 µm) on its grid gives the averages that the paper prints."""
    for row in PAPERS_TABLE_III:
        assert normal_average(PAPER_DRIFTS_UM, row[:-1]) == pytest.approx(row[-1], abs=0.01)


PAPERS_TABLE_III = (
    (27.96, 33.46, 38.28, 37.42, 38.86, 41.61, 39.44, 41.88, 38.74, 36.05, 36.11, 32.28, 34.88, 39.44),
    (30.11, 33.58, 38.60, 38.34, 39.82, 47.99, 39.61, 48.71, 39.93, 37.58, 36.35, 33.58, 36.12, 42.25),
    (33.22, 34.82, 36.27, 37.76, 38.61, 41.28, 38.80, 40.44, 37.71, 36.15, 35.31, 33.49, 33.00, 38.83),
    (34.87, 35.61, 37.20, 38.65, 39.78, 48.39, 39.55, 48.55, 39.77, 38.26, 36.61, 35.23, 33.89, 42.32),
)


def test_stains_and_detail_are_measured() -> None:
    truth = tissue(96, seed=1)
    blurred = ndimage.gaussian_filter(truth.astype(float), (2, 2, 0)).clip(0, 255).astype(np.uint8)
    assert stain_errors(truth, truth) == (0.0, 0.0)
    assert all(error > 0 for error in stain_errors(blurred, truth))
    assert np.all(ring_errors(truth, truth) == 0)
    assert ring_errors(blurred, truth)[-1] > ring_errors(blurred, truth)[0]
    assert fine_ratio(blurred, truth) < 0.5 < fine_ratio(truth, truth) == 1


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
    part = ["--pair", "1,3", "--region", "0,0,96,128", "--output", str(tmp_path)]
    result = CliRunner().invoke(group, ["evaluate", str(folder), "--method", "joint", *part])
    assert result.exit_code == 0, result.output
    assert "0.25 µm is assumed" in result.stderr
    assert "| planes 1, 3 |" in result.stdout
    assert list(pd.read_csv(tmp_path / "scores.csv")["case"]) == ["planes 1, 3"]
    assert Image.open(tmp_path / "sheet.png").width > 300


def test_the_command_simulates_a_manifest(entries: list[Entry], tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.csv"
    lines = [f"{entry.path},{entry.group},{entry.mpp},{entry.split}" for entry in entries]
    manifest.write_text("\n".join(["file,group,mpp,split", *lines]))
    base = ["evaluate", str(manifest), "--method", "wiener", "--count", "3", "-q", "--simulation", "planar"]
    result = CliRunner().invoke(group, [*base, "--output", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0].startswith("| PSNR, dB, by drift |")
    assert result.stderr == ""
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "by_drift.png", "journal.jsonl", "scores.csv", "sheet.png", "table.md",
    }  # fmt: skip
    swept = CliRunner().invoke(group, [*base, "--sweep-offset", "0.5,1"])
    assert [line.split(" | ")[0] for line in swept.stdout.splitlines()[2:]] == ["| 0.5", "| 1"]
    refused = CliRunner().invoke(group, [*base, "--sweep-offset", "a,b"])
    assert refused.exit_code == 2
    assert "by µm per pixel" not in result.stdout
    manifest.write_text(f"file,group,mpp,split\n{entries[0].path},a,0.25,test\n{entries[1].path},b,0.5,test\n")
    two = CliRunner().invoke(group, base)
    assert "by µm per pixel | 0.25 µm (2) | 0.50 µm (1) |" in two.stdout
