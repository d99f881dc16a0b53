"""Whole archives, through the command line and with real processes."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.support.two_shot import tissue, two_planes, write_ome_tiff
from wsi_refocus.archive.ledger import LEDGER_FOLDER, Ledger
from wsi_refocus.geometry import Region
from wsi_refocus.ngff.metadata import is_finished
from wsi_refocus.ngff.store import read_level

QUICK = ["--method", "mean", "--workers", "0", "--threads", "2"]


def batch(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "wsi_refocus_cli", "batch", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of four small slides, one of which is cut off."""
    folder = tmp_path_factory.mktemp("slides")
    for seed in range(4):
        write_ome_tiff(folder / f"case{seed}.ome.tiff", two_planes(tissue((300, 400), seed=seed)), mpp=0.5)
    whole = (folder / "case3.ome.tiff").read_bytes()
    (folder / "case3.ome.tiff").write_bytes(whole[: len(whole) // 2])
    return folder


@pytest.fixture(scope="module")
def done(slides: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    output = tmp_path_factory.mktemp("results")
    return output, batch(slides, "-o", output, *QUICK)


def test_good_slides_are_done_and_broken_ones_named(
    done: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    output, ended = done
    assert ended.returncode == 4, ended.stderr
    assert "Traceback" not in ended.stderr
    for seed in range(3):
        assert is_finished(output / f"case{seed}.refocused.ome.zarr")
    assert not (output / "case3.refocused.ome.zarr").exists()
    records = {record.key.partition(".")[0]: record for record in Ledger(output / LEDGER_FOLDER).records()}
    assert [records[f"case{seed}"].state for seed in range(4)] == ["done", "done", "done", "failed"]
    assert len(records["case3"].tries) == 3
    assert "case3.ome.tiff" in (records["case3"].error or "")
    assert (records["case0"].folder / "before.jpg").is_file()
    table = pd.read_csv(output / "archive.csv")
    assert sorted(table["state"]) == ["done", "done", "done", "failed"]
    assert "case3" in (output / "archive.html").read_text()


def test_again_does_nothing_twice(slides: Path, done: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    output, _ = done
    before = {path: path.stat().st_mtime_ns for path in output.rglob("zarr.json")}
    ended = batch(slides, "-o", output, *QUICK, "--json", "-q")
    assert ended.returncode == 4
    assert json.loads(ended.stdout.splitlines()[-1])["done"] == 3
    assert {path: path.stat().st_mtime_ns for path in output.rglob("zarr.json")} == before
    record = next(each for each in Ledger(output / LEDGER_FOLDER).records() if each.key.startswith("case3"))
    assert len(record.tries) == 3


@pytest.mark.faults
def test_what_run_finished_is_recognised(slides: Path, tmp_path: Path) -> None:
    slide, output = slides / "case0.ome.tiff", tmp_path / "case0.refocused.ome.zarr"
    run = [sys.executable, "-m", "wsi_refocus_cli", "run", str(slide), "-o", str(output), "-q"]
    subprocess.run([*run, *QUICK], check=True)
    written = (output / "zarr.json").stat().st_mtime_ns
    assert batch(slide, "-o", tmp_path, *QUICK).returncode == 0
    assert (output / "zarr.json").stat().st_mtime_ns == written

    other = batch(slide, "-o", tmp_path, "--ledger", tmp_path / "other", *QUICK, "--policy", "off")
    assert other.returncode == 4
    assert "--overwrite" in other.stderr + other.stdout
    assert (output / "zarr.json").stat().st_mtime_ns == written
    assert batch(slide, "-o", tmp_path, "--ledger", tmp_path / "other", *QUICK, "--overwrite").returncode == 0


def test_a_dry_run_changes_nothing(slides: Path, tmp_path: Path) -> None:
    ended = batch(slides, "-o", tmp_path / "out", "--dry-run", *QUICK)
    assert ended.returncode == 0, ended.stderr
    assert "3 slides" in ended.stdout
    assert "not used" in ended.stdout
    assert not list(tmp_path.iterdir())
    plan = json.loads(batch(slides, "-o", tmp_path / "out", "--dry-run", "--json", *QUICK).stdout)
    assert len(plan["slides"]) == 3
    assert plan["slides"][0]["tiles"] == 1


def test_two_processes_share_an_archive(slides: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "wsi_refocus_cli", "batch", str(slides), "-o", str(tmp_path), *QUICK, "-q"]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]
    assert [process.wait(120) for process in both] == [4, 4]
    records = Ledger(tmp_path / LEDGER_FOLDER).records()
    assert sorted(record.state for record in records) == ["done", "done", "done", "failed"]
    assert all(len(record.tries) == 1 for record in records if record.state == "done")


@pytest.mark.faults
def test_a_job_array_does_each_slide_once(slides: Path, tmp_path: Path) -> None:
    for number in (1, 2):
        batch(slides, "-o", tmp_path, "--job-array", f"{number}/2", *QUICK)
    states = [record.state for record in Ledger(tmp_path / LEDGER_FOLDER).records()]
    assert sorted(states) == ["done", "done", "done", "failed"]
    alone = tmp_path / "alone"
    batch(slides / "case1.ome.tiff", "-o", alone, *QUICK)
    part = Region(0, 0, 300, 400)
    name = "case1.refocused.ome.zarr"
    np.testing.assert_array_equal(read_level(alone / name, 0, part), read_level(tmp_path / name, 0, part))
