"""Jobs as a user describes them."""

from pathlib import Path

import pytest

from wsi_refocus.config import make_settings
from wsi_refocus.errors import UsageError
from wsi_refocus.pipeline.jobs.description import Jobs, read_cluster
from wsi_refocus.pipeline.jobs.scripts import lifetime
from wsi_refocus.pipeline.place import place_of
from wsi_refocus.pipeline.workforce import Workforce

LEAST = 'cores = 8\nmemory = "16GB"\ntime = "04:00:00"\n'


def _file(folder: Path, text: str) -> str:
    path = folder / "cluster.toml"
    path.write_text(text)
    return str(path)


def test_a_description_is_read(tmp_path: Path) -> None:
    text = LEAST + 'adapt = [0, 20]\nqueue = "gpu"\ngpus = 2\nenvironment = ["module load cuda", "ulimit -c 0"]\n'
    jobs = read_cluster("slurm", _file(tmp_path, text))
    assert isinstance(jobs, Jobs)
    assert (jobs.cores, jobs.memory_bytes, jobs.seconds) == (8, 16 * 10**9, 4 * 3600)
    assert (jobs.bounds, jobs.processes, jobs.threads) == ((0, 20), 2, 3)
    assert jobs.environment == ("module load cuda", "ulimit -c 0")


def test_the_command_line_outweighs_the_file(tmp_path: Path) -> None:
    jobs = read_cluster("sge", _file(tmp_path, LEAST + "adapt = [0, 20]\n"), (1, 3))
    assert isinstance(jobs, Jobs)
    assert jobs.bounds == (1, 3)


@pytest.mark.parametrize(
    ("time", "seconds"), [("00:10:00", 600), ("30:00:00", 108000), ("1-06:00:00", 108000), ("2:00:30", 7230)]
)
def test_times(time: str, seconds: int) -> None:
    assert Jobs(system="pbs", cores=1, memory="1GiB", time=time, jobs=1).seconds == seconds


@pytest.mark.parametrize("time", ["00:02:00", "00:10:00", "04:00:00", "7-00:00:00"])
def test_workers_leave_before_their_time_is_over(time: str) -> None:
    jobs = Jobs(system="slurm", cores=1, memory="1GB", time=time, jobs=1)
    seconds, stagger = lifetime(jobs)
    assert jobs.seconds / 2 <= seconds - stagger
    assert 30 <= jobs.seconds - (seconds + stagger) <= 600


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LEAST + "jobs = 1\nwalltime = 3\n", "no key 'walltime' here; known are account, adapt,"),
        ('memory = "1GB"\njobs = 1\n', "cores, time must be said"),
        (LEAST, "the number of jobs is missing"),
        (LEAST + 'jobs = "two"\n', "jobs = 'two': int is needed"),
        (LEAST + "jobs = true\n", "jobs = True: int is needed"),
        (LEAST + "adapt = [3, 1]\n", "least and the greatest"),
        (LEAST + "adapt = [3]\n", "two whole numbers"),
        (LEAST + 'jobs = 1\nenvironment = "module load cuda"\n', "a list of texts"),
        (LEAST + 'jobs = 1\nqueue = "a\\nb"\n', "a single line"),
        ('cores = 1\nmemory = "lots"\ntime = "01:00:00"\njobs = 1\n', "not a size such as 32GB"),
        ('cores = 1\nmemory = "1GB"\ntime = "90"\njobs = 1\n', "HH:MM:SS"),
        ('cores = 1\nmemory = "1GB"\ntime = "00:01:00"\njobs = 1\n', "less than two minutes"),
        ("cores = ", "is not TOML"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(text: str, message: str, tmp_path: Path) -> None:
    path = _file(tmp_path, text)
    with pytest.raises(UsageError, match=r".*") as caught:
        read_cluster("slurm", path)
    assert message in str(caught.value)
    assert path in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match=r"nowhere\.toml: cannot be read"):
        read_cluster("lsf", "nowhere.toml")


def test_a_batch_system_needs_a_file() -> None:
    with pytest.raises(UsageError, match=r"--cluster slurm: cores, memory, time must be said in a file"):
        read_cluster("slurm", None, (0, 4))


def test_a_local_cluster_needs_none(tmp_path: Path) -> None:
    assert read_cluster("local", None, (0, 4)) == Workforce(*_chosen(None, None), 0, (0, 4))
    assert read_cluster("local", _file(tmp_path, "jobs = 3\ncores = 1\n")) == Workforce(3, 1)
    with pytest.raises(UsageError, match="no key 'queue' here; known are adapt, cores, gpus, jobs"):
        read_cluster("local", _file(tmp_path, 'queue = "gpu"\n'))


def _chosen(workers: int | None, threads: int | None) -> tuple[int, int]:
    workforce = Workforce.choose(workers, threads, 0)
    return workforce.workers, workforce.threads


def test_jobs_with_gpus_are_used_from_a_machine_without(tmp_path: Path) -> None:
    path = _file(tmp_path, LEAST + "jobs = 1\ngpus = 1\n")
    assert place_of(make_settings(cluster="slurm", cluster_config=path)).device == "cuda"
    assert place_of(make_settings(cluster="slurm", cluster_config=path, device="cpu")).device == "cpu"
    assert place_of(make_settings(method="mean", cluster="slurm", cluster_config=path)).device == "cpu"
    with pytest.raises(UsageError, match="mean runs on the CPU only"):
        place_of(make_settings(method="mean", cluster="slurm", cluster_config=path, device="cuda"))
    path = _file(tmp_path, LEAST + "jobs = 1\n")
    assert place_of(make_settings(cluster="slurm", cluster_config=path)).device == "cpu"
    with pytest.raises(UsageError, match="gpus = 1 or more"):
        place_of(make_settings(cluster="slurm", cluster_config=path, device="cuda"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"adapt": (0, 2)}, "say which"),
        ({"cluster": "local", "workers": 2}, "are for this machine"),
        ({"tls_ca_file": "ca.pem"}, "for a --scheduler at tls://"),
    ],
)
def test_options_that_contradict_one_another(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        place_of(make_settings(method="mean", **options))
