"""Starting workers as jobs of a batch system, through dask-jobqueue."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wsi_refocus.errors import MissingExtraError, OutputError, RefocusError, UsageError
from wsi_refocus.pipeline.jobs.description import Jobs
from wsi_refocus.pipeline.jobs.scripts import CLUSTERS, job_arguments
from wsi_refocus.pipeline.roster import Supply

logger = logging.getLogger(__name__)

DEATHS = 10
"""Deaths of workers that a task outlives: batch systems preempt jobs, and that is not the task's fault."""


def _imported() -> Any:
    """Import dask-jobqueue without the handlers of signals that it sets: they are this program's.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    set_handler = signal.signal
    signal.signal = lambda number, handler: signal.getsignal(number)  # type: ignore[assignment]
    try:
        import dask_jobqueue
        from dask_jobqueue.core import JobQueueCluster  # noqa: F401 - the whole of it can be imported
    except ImportError:
        raise MissingExtraError(
            "--cluster needs dask-jobqueue and cryptography: pip install 'wsi-refocus[cluster]'"
        ) from None
    finally:
        signal.signal = set_handler
    return dask_jobqueue


@contextlib.contextmanager
def job_cluster(jobs: Jobs) -> Iterator[tuple[Any, Supply]]:
    """Start a scheduler in this process, and workers as jobs.

    Parameters
    ----------
    jobs
        The jobs.

    Yields
    ------
    cluster
        Cluster of dask-jobqueue; its jobs end with the block.
    supply
        What is known of its workers.

    Raises
    ------
    MissingExtraError
        If dask-jobqueue is not installed.
    UsageError
        If the batch system's commands are not here, or the scheduler cannot listen where it is told to.
    OutputError
        If the folder of the logs cannot be written.
    """
    dask_jobqueue = _imported()
    import dask

    from wsi_refocus.pipeline.jobs.keeper import IDLE_LOOKS, LOOK_SECONDS, JobNotes, Keeper

    cluster_class = getattr(dask_jobqueue, CLUSTERS[jobs.system])
    _require_commands(jobs, cluster_class.job_cls)
    notes = JobNotes(_logs(jobs))
    with dask.config.set({"distributed.scheduler.allowed-failures": DEATHS}):
        cluster = _start(jobs, cluster_class, notes)
    with cluster:
        least, most = jobs.bounds
        cluster.adapt(
            Adaptive=Keeper,
            minimum_jobs=least,
            maximum_jobs=most,
            notes=notes,
            threads=jobs.threads,
            interval=f"{LOOK_SECONDS}s",
            wait_count=IDLE_LOOKS,
            target_duration="100ms",  # every task that waits is worth a worker
        )
        number = str(most) if least == most else f"{least} to {most}"
        logger.info("%s: %s jobs, each of %d workers; logs in %s", jobs.system, number, jobs.processes, notes.folder)
        name = f"the {jobs.system} cluster"
        yield cluster, Supply(name, most * jobs.processes * jobs.threads, jobs.threads, bool(jobs.gpus), notes.check)
    for mark in notes.folder.glob(f"{cluster.name}-*.ended"):
        mark.unlink(missing_ok=True)


def _start(jobs: Jobs, cluster_class: type[Any], notes: Any) -> Any:
    from wsi_refocus.pipeline.jobs.keeper import telling

    scheduler = {"port": jobs.scheduler_port, "dashboard_address": jobs.dashboard}
    scheduler |= {"host": jobs.scheduler_host} if jobs.scheduler_host else {}
    try:
        return cluster_class(
            name=f"refocus-{uuid.uuid4().hex[:8]}",
            job_cls=telling(cluster_class.job_cls, notes),
            security=True if jobs.tls else None,
            scheduler_options=scheduler,
            silence_logs=logging.CRITICAL,
            **job_arguments(jobs),
        )
    except ImportError as error:
        raise MissingExtraError(f"{error}; or say tls = false where the network can be trusted") from None
    except (OSError, RuntimeError, ValueError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RefocusError(f"the scheduler for the {jobs.system} jobs could not be started ({said})") from None


def scheduler_for(jobs: Jobs) -> Any:
    """Start a scheduler for jobs, and none of them.

    Parameters
    ----------
    jobs
        The jobs.

    Returns
    -------
    cluster
        Cluster of dask-jobqueue, a context manager.
    """
    import dask_jobqueue

    from wsi_refocus.pipeline.jobs.keeper import JobNotes

    return _start(jobs, getattr(dask_jobqueue, CLUSTERS[jobs.system]), JobNotes(_logs(jobs)))


def script_of(jobs: Jobs) -> str:
    """Make the script that one job is submitted as, without submitting it.

    Parameters
    ----------
    jobs
        The jobs.
    """
    with scheduler_for(jobs) as cluster:
        script: str = cluster.job_script()
        return script


def _logs(jobs: Jobs) -> Path:
    folder = Path(jobs.logs).absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(13, "no permission")
    except OSError as error:
        raise OutputError(f"{folder}: the jobs' logs cannot be written there ({error.strerror}); set logs = ") from None
    return folder


def _require_commands(jobs: Jobs, job_class: type[Any]) -> None:
    for command in (job_class.submit_command, job_class.cancel_command):
        if shutil.which(command) is None:
            raise UsageError(
                f"--cluster {jobs.system}: there is no command {command!r} here; run it where jobs are submitted"
            )
