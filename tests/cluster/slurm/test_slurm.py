"""A real SLURM of two nodes on this machine: workers as jobs, a job cancelled in the middle, a job array."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.processes import arrays_of, shards_done, wait_until
from tests.support.two_shot import tissue, two_planes, write_ome_tiff
from wsi_refocus.ngff.metadata import is_finished

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(shutil.which("slurmctld") is None, reason="needs Debian's slurm-wlm and munge"),
    pytest.mark.skipif(os.geteuid() != 0, reason="SLURM is started as root"),
]
SETUP = Path(__file__).with_name("setup.sh")
ARRAY = Path(__file__).parents[3] / "examples" / "slurm" / "array.sbatch"
CLI = [sys.executable, "-m", "wsi_refocus_cli"]
HOW = ["--method", "mean", "--policy", "off"]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment by which SLURM is found."""
    folder = tmp_path_factory.mktemp("slurm")
    subprocess.run(["bash", str(SETUP), "start", str(folder)], check=True, timeout=120)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    yield {**os.environ, "SLURM_CONF": str(folder / "slurm.conf"), "PATH": path}
    subprocess.run(["bash", str(SETUP), "stop", str(folder)], check=True, timeout=60)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three small slides and one of nine shards."""
    folder = tmp_path_factory.mktemp("archive")
    planes = two_planes(tissue((700, 700), seed=1))
    for number in range(3):
        write_ome_tiff(folder / f"small{number}.ome.tiff", planes, mpp=0.5)
    write_ome_tiff(folder / "large.ome.tiff", [plane.repeat(7, 0).repeat(7, 1) for plane in planes], mpp=0.5)
    return folder


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Description of the jobs."""
    file = tmp_path / "site.toml"
    logs = tmp_path / "logs"
    file.write_text(f'queue = "slides"\ncores = 1\nmemory = "1500MB"\ntime = "00:20:00"\nlogs = "{logs}"\n')
    return file


def test_a_cancelled_job_costs_nothing(slurm: dict[str, str], archive: Path, site: Path, tmp_path: Path) -> None:
    slide, output, plain = archive / "large.ome.tiff", tmp_path / "out.ome.zarr", tmp_path / "plain.ome.zarr"
    jobs = ["--cluster", "slurm", "--cluster-config", str(site), "--adapt", "2,2"]
    run = subprocess.Popen([*CLI, "run", str(slide), "-o", str(output), *HOW, *jobs], env=slurm, cwd=tmp_path)
    assert wait_until(lambda: shards_done(output) >= 2, 120)
    running = subprocess.run(["squeue", "-h", "-o", "%i"], env=slurm, capture_output=True, text=True, check=True)
    subprocess.run(["scancel", running.stdout.split()[0]], env=slurm, check=True)
    assert run.wait(180) == 0
    subprocess.run([*CLI, "run", str(slide), "-o", str(plain), *HOW, "-q"], check=True)
    assert arrays_of(output) == arrays_of(plain)
    assert not _jobs_left(slurm)


def test_an_array_does_every_slide(slurm: dict[str, str], archive: Path, tmp_path: Path) -> None:
    environment = {**slurm, "ARCHIVE": str(archive), "RESULTS": str(tmp_path / "out"), "OPTIONS": " ".join(HOW)}
    submit = ["sbatch", "--wait", "--mem=1500M", "--time=00:20:00", "--cpus-per-task=1", "--array=1-2", str(ARRAY)]
    subprocess.run(submit, env=environment, cwd=tmp_path, check=True, timeout=240)
    for name in ("small0", "small1", "small2", "large"):
        assert is_finished(tmp_path / "out" / f"{name}.refocused.ome.zarr")


def _jobs_left(slurm: dict[str, str]) -> bool:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if not subprocess.run(["squeue", "-h"], env=slurm, capture_output=True, text=True, check=True).stdout.strip():
            return False
        time.sleep(0.5)
    return True
