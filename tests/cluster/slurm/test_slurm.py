"""SLURM for real: jobs that come, go, are cancelled and do not start."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cluster.tasks import process_of, slow_square, square, visible_gpus
from wsi_refocus.errors import ClusterLostError
from wsi_refocus.pipeline.cluster import open_engine
from wsi_refocus.pipeline.jobs.description import Jobs
from wsi_refocus.pipeline.workforce import Workforce

pytestmark = [pytest.mark.slurm, pytest.mark.usefixtures("slurm"), pytest.mark.timeout(600)]

NONE = Workforce(0, 1)
EXAMPLES = Path(__file__).parents[3] / "examples" / "slurm"
COMMAND = [sys.executable, "-m", "wsi_refocus_cli"]


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    """Two jobs of two cores."""
    return Jobs(
        system="slurm", cores=2, memory="1500MB", time="00:10:00", jobs=2, queue="slides",
        scheduler_host="127.0.0.1", logs=str(tmp_path / "logs"),
    )  # fmt: skip


@pytest.fixture
def described(jobs: Jobs, tmp_path: Path) -> Path:
    """The same as a file, without their number."""
    path = tmp_path / "cluster.toml"
    path.write_text(
        f'cores = 2\nmemory = "1500MB"\ntime = "00:10:00"\nqueue = "slides"\n'
        f'scheduler_host = "127.0.0.1"\nlogs = "{jobs.logs}"\n'
    )
    return path


def _queue() -> list[str]:
    listed = subprocess.run(["squeue", "--noheader", "--format=%i"], capture_output=True, text=True, check=True)
    return listed.stdout.split()


def _until_empty(seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while _queue():
        assert time.monotonic() < until, _queue()
        time.sleep(0.5)


def _state(job: str) -> str:
    shown = subprocess.run(["scontrol", "show", "job", job], capture_output=True, text=True, check=True).stdout
    found = re.search(r"JobState=(\w+)", shown)
    assert found is not None, shown
    return found[1]


def _bytes_of(output: Path) -> dict[str, str]:
    """Hash of every file of the arrays."""
    files = (path for path in sorted(output.glob("[0-9]*/**/*")) if path.is_file())
    return {str(path.relative_to(output)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_slide_is_refocused_by_jobs(slide: Path, described: Path, tmp_path: Path) -> None:
    here, there = tmp_path / "here.ome.zarr", tmp_path / "there.ome.zarr"
    run = [*COMMAND, "run", str(slide), "--method", "mean", "--output"]
    subprocess.run([*run, str(here), "--workers", "0"], check=True)
    subprocess.run(
        [*run, str(there), "--cluster", "slurm", "--cluster-config", str(described), "--adapt", "0,2"], check=True
    )
    assert _bytes_of(there) == _bytes_of(here) != {}
    _until_empty()


def test_what_a_cancelled_job_had_in_hand_is_done_elsewhere(jobs: Jobs) -> None:
    with open_engine(NONE, jobs) as engine:
        outcomes = engine.run(slow_square, range(60), (1.0,), 0)
        done = [next(outcomes) for _ in range(8)]
        before = _queue()
        assert len(before) == 2
        subprocess.run(["scancel", before[0]], check=True)
        done += outcomes
        after = _queue()
    assert sorted(outcome.result or 0 for outcome in done) == [item * item for item in range(60)]
    assert {outcome.tries for outcome in done} == {1}
    assert before[1] in after
    assert len(after) == 2  # another was submitted in its place
    _until_empty()


def test_workers_leave_before_their_wall_time_ends(jobs: Jobs) -> None:
    with open_engine(NONE, replace(jobs, jobs=1, time="00:02:00")) as engine:
        outcomes = engine.run(slow_square, range(110), (2.0,), 0)
        done = [next(outcomes)]
        (first,) = _queue()
        done += outcomes
    assert sorted(outcome.result or 0 for outcome in done) == [item * item for item in range(110)]
    assert {outcome.error for outcome in done} == {None}
    assert _state(first) == "COMPLETED"  # neither TIMEOUT nor CANCELLED: it went by itself


def test_jobs_get_the_gpus_that_they_ask_for(jobs: Jobs) -> None:
    with open_engine(NONE, replace(jobs, cores=4, gpus=1, jobs=2)) as engine:
        assert {outcome.result for outcome in engine.run(visible_gpus, range(8), (), 0)} == {"0"}
        assert engine.threads == 3


def test_jobs_follow_the_work(jobs: Jobs) -> None:
    with open_engine(NONE, replace(jobs, jobs=0, adapt=(0, 2))) as engine:
        assert _queue() == []
        assert len({outcome.result for outcome in engine.run(process_of, range(40), (), 0)}) >= 1
        assert 1 <= len(_queue()) <= 2
    _until_empty()


def test_a_queue_that_is_not_there_is_named(jobs: Jobs) -> None:
    with open_engine(NONE, replace(jobs, queue="nowhere")) as engine, pytest.raises(ClusterLostError) as caught:
        list(engine.run(square, [1], (), 0))
    assert "Invalid partition name" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_jobs_that_end_before_their_worker_came_are_not_started_for_ever(jobs: Jobs) -> None:
    broken = replace(jobs, jobs=1, python="/nowhere/python")
    with open_engine(NONE, broken) as engine, pytest.raises(ClusterLostError, match="ended before its worker came"):
        list(engine.run(square, [1], (), 0))
    assert "/nowhere/python" in "".join(path.read_text() for path in Path(jobs.logs).glob("*.err"))


def _archive(slide: Path, folder: Path) -> Path:
    scans = folder / "scans"
    scans.mkdir()
    for name in ("a", "b", "c"):
        shutil.copy(slide, scans / f"{name}.ome.tiff")
    (scans / "broken.ome.tiff").write_bytes(slide.read_bytes()[:5000])
    return scans


def _submit(script: str, *arguments: str, options: tuple[str, ...] = (), folder: Path) -> str:
    """Submit an example; returns the number of the job."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "ADAPT": "0,2"}
    command = ["sbatch", "--parsable", "--mem=500M", "--cpus-per-task=1", *options, str(EXAMPLES / script), *arguments]
    answer = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return answer.stdout.strip()


def _outputs(folder: Path) -> set[str]:
    return {path.parent.name.partition(".")[0] for path in folder.glob("*.zarr/zarr.json")}


def test_an_array_of_jobs_shares_an_archive(slide: Path, tmp_path: Path) -> None:
    scans, refocused = _archive(slide, tmp_path), tmp_path / "refocused"
    arguments = (str(scans), str(refocused), "--method", "mean", "--retries", "0")
    _submit("array.sbatch", *arguments, options=("--array=1-3",), folder=tmp_path)
    _until_empty(300)
    logs = "".join(path.read_text() for path in sorted(tmp_path.glob("refocus-*.log")))
    assert _outputs(refocused) == {"a", "b", "c"}, logs
    assert "broken" in logs


def test_a_job_leads_an_archive_and_starts_its_workers(slide: Path, described: Path, tmp_path: Path) -> None:
    scans, refocused = _archive(slide, tmp_path), tmp_path / "refocused"
    arguments = (str(scans), str(refocused), str(described), "--method", "mean", "--retries", "0", "-v")
    _submit("batch.sbatch", *arguments, folder=tmp_path)
    _until_empty(300)
    log = next(tmp_path.glob("refocus-lead-*.log")).read_text()
    assert _outputs(refocused) == {"a", "b", "c"}, log
    assert "slurm: 0 to 2 jobs" in log
