"""Job descriptions in the words of each batch system, as dask-jobqueue takes them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from wsi_refocus.pipeline.allocator import ALLOCATOR
from wsi_refocus.pipeline.jobs.description import Jobs

CLUSTERS = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "lsf": "LSFCluster", "sge": "SGECluster"}
"""The class of dask-jobqueue for each batch system."""

_NO_SPILLING = [
    # a shard in hand is the unit of memory; Dask's own spilling and pausing would only get in the way
    f"export DASK_DISTRIBUTED__WORKER__MEMORY__{action}=False"
    for action in ("TARGET", "SPILL", "PAUSE")
]


def lifetime(jobs: Jobs) -> tuple[int, int]:
    """How long workers stay: they leave before their wall time ends, and not all at once.

    Parameters
    ----------
    jobs
        The jobs.

    Returns
    -------
    seconds, stagger : int
        A worker leaves at a random time within ``seconds`` ± ``stagger``, at the latest a tenth of the wall time (30
        seconds to 10 minutes) before its end: the job has begun before the worker, and leaving takes a while.
    """
    margin = max(30, min(600, jobs.seconds // 10))
    stagger = margin // 2
    return jobs.seconds - margin - stagger, stagger


def job_arguments(jobs: Jobs) -> dict[str, Any]:
    """Arguments of dask-jobqueue's cluster for some jobs.

    Parameters
    ----------
    jobs
        The jobs.
    """
    seconds, stagger = lifetime(jobs)
    extra = ["--lifetime", f"{seconds}s", "--lifetime-stagger", f"{stagger}s"]
    if jobs.gpus:
        extra += ["--resources", f"GPU={jobs.threads}"]
    logs = str(Path(jobs.logs).absolute())
    return {
        "job_name": "wsi-refocus",
        "cores": jobs.processes * jobs.threads,
        "processes": jobs.processes,
        "memory": f"{jobs.memory_bytes} B",
        "python": jobs.interpreter,
        "queue": jobs.queue,
        "local_directory": jobs.local_directory,
        "interface": jobs.interface,
        "log_directory": logs,
        "shared_temp_directory": logs,
        "worker_extra_args": extra,
        "job_script_prologue": [
            *(f"export {name}={value}" for name, value in ALLOCATOR.items()),
            *_NO_SPILLING,
            *jobs.environment,
        ],
        **_OF_SYSTEM[jobs.system](jobs),
    }


def _slurm(jobs: Jobs) -> dict[str, Any]:
    gpus = [jobs.gpu_request or f"--gres=gpu:{jobs.gpus}"] if jobs.gpus else []
    return {
        "walltime": _hours_minutes_seconds(jobs.seconds),
        "account": jobs.account,
        "job_cpu": jobs.cores,
        "job_extra_directives": [*gpus, *jobs.directives],
    }


def _pbs(jobs: Jobs) -> dict[str, Any]:
    chunk = f"select=1:ncpus={jobs.cores}:mem={math.ceil(jobs.memory_bytes / 2**20)}MB"
    if jobs.gpus:
        chunk += f":{jobs.gpu_request or f'ngpus={jobs.gpus}'}"
    return {
        "walltime": _hours_minutes_seconds(jobs.seconds),
        "account": jobs.account,
        "resource_spec": chunk,
        "job_extra_directives": list(jobs.directives),
    }


def _lsf(jobs: Jobs) -> dict[str, Any]:
    gpus = [jobs.gpu_request or f'-gpu "num={jobs.gpus}"'] if jobs.gpus else []
    return {
        "walltime": _hours_minutes_seconds(jobs.seconds)[:-3],
        "project": jobs.account,
        "ncpus": jobs.cores,
        "mem": jobs.memory_bytes,
        "job_extra_directives": [*gpus, *jobs.directives],
    }


def _sge(jobs: Jobs) -> dict[str, Any]:
    cores = [f"-pe {jobs.parallel_environment} {jobs.cores}"] if jobs.cores > 1 else []
    gpus = [jobs.gpu_request or f"-l gpu={jobs.gpus}"] if jobs.gpus else []
    return {
        "walltime": _hours_minutes_seconds(jobs.seconds),
        "project": jobs.account,
        "job_extra_directives": [*cores, *gpus, *jobs.directives],
    }


_OF_SYSTEM = {"slurm": _slurm, "pbs": _pbs, "lsf": _lsf, "sge": _sge}


def _hours_minutes_seconds(seconds: int) -> str:
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
