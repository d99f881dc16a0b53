"""``wsi-refocus run`` and ``info`` as a user calls them."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
import zarr

from tests.cli.command import COMMAND, call, start
from tests.pipeline.outputs import array_files
from wsi_refocus.methods import available
from wsi_refocus.pipeline.journal import Journal

SUMMARY_KEYS = {
    "output", "preview", "method", "checkpoint", "planes", "shift_px", "shape", "levels", "tiles", "seconds",
    "megapixels_per_second", "peak_rss_mb", "report", "exports",
}  # fmt: skip
ALONE = ["--workers", "1", "--threads", "1"]
"""One shard after the other."""


def test_help_is_quick() -> None:
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        done = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, check=True)
        seconds.append(time.perf_counter() - began)
    assert min(seconds) < 0.5
    assert "Exit codes" in done.stdout and "run" in done.stdout


def test_help_names_every_method() -> None:
    text = " ".join(call("run", "--help").stdout.split())
    named = re.search(r"--method TEXT (.*?)\.", text)
    assert named and re.split(", | or ", named[1]) == [name for name, _ in available()]


def test_json_is_the_last_line_and_has_what_is_promised(slide: Path, tmp_path: Path) -> None:
    output = tmp_path / "o.ome.zarr"
    done = call("run", slide, "-o", output, "--method", "mean", "--workers", "1", "--reference", "plane:0", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    assert set(summary) == SUMMARY_KEYS | {"psnr_db", "ssim"}
    assert set(summary["tiles"]) == {"total", "refocused", "kept", "background", "flagged"}
    assert set(summary["psnr_db"]) == set(summary["ssim"]) == {"input", "output"}
    assert summary["shape"] == [2100, 2600]
    assert "planes 0 and 1" in done.stderr and "refocus: 30 tiles" in done.stderr


def test_a_person_gets_a_summary_and_quiet_says_nothing(slide: Path, tmp_path: Path) -> None:
    done = call("run", slide, "-o", tmp_path / "a.ome.zarr", "--method", "sharpest", "--workers", "0")
    assert done.returncode == 0
    assert "Result:" in done.stdout and "Preview:" in done.stdout and "computed, not captured" in done.stdout
    quiet = call("run", slide, "-o", tmp_path / "b.ome.zarr", "--method", "sharpest", "--workers", "0", "-q")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")


def test_info_tells_what_a_run_would_choose(slide: Path) -> None:
    done = call("info", slide, "--json")
    assert done.returncode == 0, done.stderr
    content = json.loads(done.stdout)
    assert [plane["z_um"] for plane in content["planes"]] == [-0.75, 0.75]
    assert content["mpp"] == [0.5, 0.5]
    assert content["run"]["possible"]
    assert (content["run"]["planes"]["first"], content["run"]["planes"]["second"]) == (0, 1)
    assert content["run"]["memory_mb"] > 100
    people = call("info", slide)
    assert "plane 1" in people.stdout and "mpp" in people.stdout


@pytest.fixture(scope="module")
def uninterrupted(slide: Path, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    output = tmp_path_factory.mktemp("uninterrupted") / "o.ome.zarr"
    done = call("run", slide, "-o", output, "--checkpoint", weights, *ALONE)
    assert done.returncode == 0, done.stderr
    return array_files(output)


@pytest.mark.parametrize(
    "how",
    [signal.SIGKILL, *(pytest.param(each, marks=pytest.mark.faults) for each in (signal.SIGINT, signal.SIGTERM))],
)
def test_an_interrupted_run_is_continued_to_the_same_bytes(
    slide: Path, weights: Path, tmp_path: Path, uninterrupted: dict[str, bytes], how: signal.Signals
) -> None:
    output = tmp_path / "o.ome.zarr"
    arguments = ["run", slide, "-o", output, "--checkpoint", weights, *ALONE]
    process = start(arguments)
    journal = Journal(output)
    deadline = time.monotonic() + 120
    while not journal.finished_shards():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    if how is signal.SIGKILL:
        os.killpg(process.pid, how)
    else:
        process.send_signal(how)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == (-9 if how is signal.SIGKILL else 130), errors
    done = journal.finished_shards()
    assert 0 < len(done) < 4
    with pytest.raises((FileNotFoundError, ValueError)):
        zarr.open_group(str(output), mode="r")

    other = call(*arguments, "--tile", "256")
    assert other.returncode == 3 and "--overwrite" in other.stderr and "unfinished" in other.stderr

    again = call(*arguments)
    assert again.returncode == 0, again.stderr
    assert "were there already" in again.stderr
    assert array_files(output) == uninterrupted
    assert not (output / ".wsi-refocus").exists()

    finished = call(*arguments)
    assert finished.returncode == 3 and "--overwrite" in finished.stderr
    assert array_files(output) == uninterrupted


def test_overwrite_starts_anew(slide: Path, tmp_path: Path) -> None:
    output = tmp_path / "o.ome.zarr"
    arguments = ["run", slide, "-o", output, "--workers", "0", "-q"]
    assert call(*arguments, "--method", "mean").returncode == 0
    mean = array_files(output)
    assert call(*arguments, "--method", "sharpest", "--overwrite").returncode == 0
    assert array_files(output) != mean
