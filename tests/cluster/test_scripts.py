"""The scripts that jobs are submitted as. SLURM is tried for real, too (tests/cluster/slurm); the others only here."""

import subprocess
import sys
from pathlib import Path

import pytest

from wsi_refocus.errors import UsageError
from wsi_refocus.pipeline.cluster import open_engine
from wsi_refocus.pipeline.jobs.description import Jobs, System
from wsi_refocus.pipeline.jobs.opening import scheduler_for, script_of
from wsi_refocus.pipeline.workforce import Workforce

pytest.importorskip("dask_jobqueue", reason="needs the extra cluster")


def _jobs(system: System, folder: Path) -> Jobs:
    return Jobs(
        system=system,
        cores=8,
        memory="16GiB",
        time="1-02:00:00",
        jobs=4,
        gpus=2,
        queue="slides",
        account="pathology",
        directives=("--site-option",),
        container="apptainer exec --nv /images/refocus.sif",
        environment=("module load apptainer",),
        local_directory="/tmp",
        scheduler_host="127.0.0.1",
        logs=str(folder / "logs"),
    )


EXPECTED = {
    "slurm": [
        "#SBATCH -p slides",
        "#SBATCH -A pathology",
        "#SBATCH --cpus-per-task=8",
        "#SBATCH --mem=16G",
        "#SBATCH -t 26:00:00",
        "#SBATCH --gres=gpu:2",
        "#SBATCH --site-option",
    ],
    "pbs": [
        "#PBS -q slides",
        "#PBS -A pathology",
        "#PBS -l select=1:ncpus=8:mem=16384MB:ngpus=2",
        "#PBS -l walltime=26:00:00",
        "#PBS --site-option",
    ],
    "lsf": [
        "#BSUB -q slides",
        '#BSUB -P "pathology"',
        "#BSUB -n 8",
        '#BSUB -R "span[hosts=1]"',
        "#BSUB -W 26:00",
        '#BSUB -gpu "num=2"',
        "#BSUB --site-option",
    ],
    "sge": [
        "#$ -q slides",
        "#$ -P pathology",
        "#$ -l h_rt=26:00:00",
        "#$ -pe smp 8",
        "#$ -l gpu=2",
        "#$ --site-option",
    ],
}


@pytest.mark.parametrize("system", ["slurm", "pbs", "lsf", "sge"])
def test_jobs_ask_in_the_words_of_their_batch_system(system: System, tmp_path: Path) -> None:
    script = script_of(_jobs(system, tmp_path))
    lines = script.splitlines()
    assert [line for line in EXPECTED[system] if line not in lines] == []
    command = next(line for line in lines if "dask_worker" in line)
    assert command.startswith("apptainer exec --nv /images/refocus.sif python -m distributed.cli.dask_worker tls://127")
    for words in ("--nworkers 2", "--nthreads 3", "--memory-limit 8.00GiB", "--resources GPU=3", "--lifetime 92700s"):
        assert words in command
    assert lines.index("module load apptainer") < lines.index(command)
    assert lines[-1].startswith("echo $? > ")
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_keys_are_for_nobody_else_to_read(tmp_path: Path) -> None:
    jobs = _jobs("slurm", tmp_path)
    with scheduler_for(jobs):
        modes = {path.name: path.stat().st_mode & 0o077 for path in Path(jobs.logs).glob(".dask-jobqueue.worker.*")}
    assert len(modes) == 3
    assert set(modes.values()) == {0}
    assert list(Path(jobs.logs).glob(".dask-jobqueue.worker.*")) == []


def test_other_words_for_gpus(tmp_path: Path) -> None:
    jobs = Jobs(
        system="slurm", cores=1, memory="1GB", time="01:00:00", jobs=1, gpus=1, gpu_request="--gpus=a100:1",
        scheduler_host="127.0.0.1", logs=str(tmp_path),
    )  # fmt: skip
    script = script_of(jobs)
    assert "#SBATCH --gpus=a100:1" in script
    assert "gres" not in script


def test_a_batch_system_that_is_not_here_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        pytest.raises(UsageError, match=r"--cluster lsf: there is no command 'bsub' here"),
        open_engine(Workforce(0, 1), _jobs("lsf", tmp_path)),
    ):
        pass


def test_the_signals_stay_with_this_program() -> None:
    program = """
import signal, threading
before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
from wsi_refocus.pipeline.jobs.opening import _imported
thread = threading.Thread(target=_imported)
thread.start()
thread.join()
import dask_jobqueue.runner
assert before == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
signal.signal(signal.SIGTERM, signal.SIG_IGN)
assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
"""
    ended = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
