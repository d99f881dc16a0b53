"""Evaluations that are interrupted go on where they stopped."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image

from wsi_refocus.evaluation.journal import Journal
from wsi_refocus.evaluation.measuring import measure_simulated, measure_stack
from wsi_refocus.evaluation.simulated import Protocol, entries_of, simulated_case
from wsi_refocus.evaluation.stack import cases_of_stack, read_stack
from wsi_refocus.methods import MethodSpec
from wsi_refocus.optics.profile import OpticsProfile
from wsi_refocus.training.manifest import Entry
from wsi_refocus_cli.app import group


def _interrupted_after(cases: int) -> Callable[[int], None]:
    """Progress that breaks off when so many cases are measured."""
    left = iter([*[False] * (cases - 1), True])

    def progress(_: int) -> None:
        if next(left):
            raise KeyboardInterrupt

    return progress


def _same_scores(one: pd.DataFrame, other: pd.DataFrame) -> None:
    timing = [column for column in one if column.startswith("seconds")]
    pd.testing.assert_frame_equal(one.drop(columns=timing), other.drop(columns=timing))


def test_an_interrupted_simulation_measures_only_what_is_missing(
    entries: list[Entry], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.jsonl"
    protocol, methods = Protocol(simulation="planar"), [MethodSpec("wiener")]
    whole = measure_simulated(entries, protocol, 3, Journal(methods), 16, 0)
    with pytest.raises(KeyboardInterrupt):
        measure_simulated(entries, protocol, 3, Journal(methods, path), 16, 0, _interrupted_after(1))
    made = []
    monkeypatch.setattr(
        "wsi_refocus.evaluation.measuring.simulated_case",
        lambda *given: made.append(given[-1]) or simulated_case(*given),
    )
    _same_scores(whole, measure_simulated(entries, protocol, 3, Journal(methods, path), 16, 0))
    assert made == [1, 2]
    moved = [replace(entry, mpp=0.3) for entry in entries]
    for changed in (
        (moved, protocol, 1, Journal(methods, path), 16),
        (entries, replace(protocol, seed=1), 1, Journal(methods, path), 16),
        (entries, protocol, 1, Journal([MethodSpec("edf")], path), 16),
        (entries, protocol, 1, Journal(methods, path), 8),
    ):
        made.clear()
        measure_simulated(*changed, 0)
        assert made == [0]


def test_an_image_that_has_changed_is_measured_anew(entries: list[Entry], tmp_path: Path) -> None:
    """Although its name is still the same."""
    (entry,) = entries_of(entries, "test")
    copy = replace(entry, path=tmp_path / "copy.png")
    tables = []
    for pixels in (Image.open(entry.path), Image.open(entry.path).rotate(180)):
        pixels.save(copy.path)
        journal = Journal([MethodSpec("mean")], tmp_path / "journal.jsonl")
        tables.append(measure_simulated([copy], Protocol(simulation="planar"), 1, journal, 16, 0))
    assert tables[0]["psnr mean"].item() != tables[1]["psnr mean"].item()


def test_an_interrupted_stack_measures_only_what_is_missing(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    planes, methods = read_stack(folder), [MethodSpec("wiener")]
    cases = cases_of_stack(planes, 0.5, 0.25)
    whole = measure_stack(cases, Journal(methods))
    with pytest.raises(KeyboardInterrupt):
        measure_stack(cases, Journal(methods, path), _interrupted_after(2))
    path.write_text(path.read_text()[:-40])  # killed in the middle of a line
    measured: list[int] = []
    resumed: list[int] = []
    _same_scores(whole, measure_stack(cases, Journal(methods, path), measured.append, resumed.append))
    assert (measured, resumed) == ([1, 1, 1], [1])
    again = measure_stack(cases, Journal(methods, path), measured.append, resumed.append)
    assert (measured, resumed) == ([1, 1, 1], [1, 4])
    _same_scores(whole, again)


def test_scores_of_other_pixels_heights_methods_and_profiles_are_not_taken(folder: Path, tmp_path: Path) -> None:
    path, profile = tmp_path / "journal.jsonl", tmp_path / "profile.json"
    planes, methods = read_stack(folder), [MethodSpec("wiener", profile=str(profile))]
    OpticsProfile().write(profile)

    def measured(planes: list[np.ndarray], z_step: float, methods: list[MethodSpec]) -> int:
        cases, found = cases_of_stack(planes, z_step, 0.25, 2, [(1, 3)]), []
        measure_stack(cases, Journal(methods, path), found.append)
        return len(found)

    assert measured(planes, 0.5, methods) == 1
    assert measured(planes, 0.5, methods) == 0
    other = [plane.copy() for plane in planes]
    other[2][0, 0] += 9
    assert measured(other, 0.5, methods) == 1
    assert measured(planes, 0.6, methods) == 1
    assert measured(planes, 0.5, [MethodSpec("wiener")]) == 1
    OpticsProfile(stage_scale=1.2).write(profile)
    assert measured(planes, 0.5, methods) == 1


def test_the_command_continues_a_stack(folder: Path, tmp_path: Path) -> None:
    command = ["evaluate", str(folder), "--method", "mean", "--z-step", "0.5", "--mpp", "0.25", "-o", str(tmp_path)]
    whole = CliRunner().invoke(group, command)
    lines = (tmp_path / "journal.jsonl").read_text().splitlines()
    assert len(lines) == 4
    (tmp_path / "journal.jsonl").write_text("\n".join(lines[:3]))
    again = CliRunner().invoke(group, command)
    assert again.stdout == whole.stdout
    assert "evaluate: 1 cases in" in again.stderr
    assert len((tmp_path / "journal.jsonl").read_text().splitlines()) == 4
