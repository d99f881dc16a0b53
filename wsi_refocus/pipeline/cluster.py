"""Where tasks run: in this process, on processes of this machine, on jobs of a batch system, on a Dask cluster."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

from wsi_refocus.errors import RefocusError, UsageError
from wsi_refocus.pipeline.allocator import ALLOCATOR
from wsi_refocus.pipeline.dask_engine import DaskEngine
from wsi_refocus.pipeline.engine import Engine, LocalEngine
from wsi_refocus.pipeline.head_start import START_METHOD
from wsi_refocus.pipeline.jobs.description import Jobs
from wsi_refocus.pipeline.jobs.opening import job_cluster
from wsi_refocus.pipeline.roster import Supply
from wsi_refocus.pipeline.security import Scheduler
from wsi_refocus.pipeline.versions import require_same_versions
from wsi_refocus.pipeline.workforce import Workforce

logger = logging.getLogger(__name__)

DEATHS = 1
"""Deaths of workers of this machine that a task outlives: nobody preempts them, so it is mostly the task's fault."""


@contextlib.contextmanager
def open_engine(
    workforce: Workforce, elsewhere: str | Scheduler | Jobs | None = None, *, task_seconds: float | None = None
) -> Iterator[Engine]:
    """Start, or connect to, the place where tasks run.

    Parameters
    ----------
    workforce
        Processes and threads of a cluster of this run's own.
    elsewhere
        What is used instead: an existing scheduler, or its address, as ``tcp://host:8786``; or jobs of a batch system.
        Workers see the same files.
    task_seconds
        Time after which a task is taken to hang; None to go by the others.

    Raises
    ------
    UsageError
        If the scheduler does not answer, has no workers, or they have another version of the package; or if jobs
        cannot be submitted from here.
    """
    if isinstance(elsewhere, Jobs):
        place = _on_jobs(elsewhere, task_seconds)
    elif elsewhere is not None:
        place = _on_scheduler(Scheduler(elsewhere) if isinstance(elsewhere, str) else elsewhere, task_seconds)
    elif workforce.workers == 0 and workforce.adapt is None:
        place = _here(workforce)
    else:
        place = _on_this_machine(workforce, task_seconds)
    with place as engine:
        yield engine


@contextlib.contextmanager
def _here(workforce: Workforce) -> Iterator[Engine]:
    engine = LocalEngine(workforce.threads)
    try:
        yield engine
    finally:
        engine.close()


@contextlib.contextmanager
def _on_this_machine(workforce: Workforce, task_seconds: float | None) -> Iterator[Engine]:
    from distributed import Client

    with _local_cluster(workforce) as cluster, Client(cluster, set_as_default=False) as client:
        most = workforce.workers
        if workforce.adapt is not None:
            least, most = workforce.adapt
            cluster.adapt(minimum=least, maximum=most, target_duration="100ms")
        logger.info("local cluster: %d workers with %d threads", most, workforce.threads)
        supply = Supply(
            "this machine",
            most * workforce.threads,
            workforce.threads,
            bool(workforce.gpus),
            None if workforce.adapt is None else lambda: None,
        )
        yield DaskEngine(client, supply, task_seconds)


@contextlib.contextmanager
def _on_scheduler(scheduler: Scheduler, task_seconds: float | None) -> Iterator[Engine]:
    from distributed import Client

    with contextlib.ExitStack() as stack:
        try:
            client = Client(scheduler.address, timeout="5s", set_as_default=False, security=scheduler.security())
            stack.enter_context(client)
            has_workers = bool(client.nthreads())
            warnings = require_same_versions(client) if has_workers else []
        except UsageError:
            raise
        except (OSError, TimeoutError, ValueError) as error:
            said = " ".join(str(error).split())
            raise UsageError(f"the Dask scheduler {scheduler.address} does not answer ({said})") from None
        if not has_workers:
            raise UsageError(f"the Dask scheduler {scheduler.address} has no workers; start some and run again")
        for warning in warnings:
            logger.warning("%s", warning)
        _tell_dashboard(client)
        yield DaskEngine(client, Supply(scheduler.address), task_seconds)


@contextlib.contextmanager
def _on_jobs(jobs: Jobs, task_seconds: float | None) -> Iterator[Engine]:
    from distributed import Client

    with job_cluster(jobs) as (cluster, supply), Client(cluster, set_as_default=False) as client:
        _tell_dashboard(client)
        yield DaskEngine(client, supply, task_seconds)


def _tell_dashboard(client: Any) -> None:
    if client.dashboard_link:
        logger.info("dashboard: %s", client.dashboard_link)


@contextlib.contextmanager
def _local_cluster(workforce: Workforce) -> Iterator[Any]:
    import dask

    settings = {
        "distributed.worker.multiprocessing-method": START_METHOD,
        # a shard in hand is the unit of memory; Dask's own spilling and pausing would only get in the way
        "distributed.worker.memory.target": False,
        "distributed.worker.memory.spill": False,
        "distributed.worker.memory.pause": False,
        "distributed.worker.memory.terminate": False,
        "distributed.comm.timeouts.connect": "60s",
        "distributed.scheduler.allowed-failures": DEATHS,
        **{f"distributed.nanny.pre-spawn-environ.{name}": value for name, value in ALLOCATOR.items()},
    }
    with dask.config.set(settings), _started(workforce) as cluster:  # they hold for workers that come later, too
        yield cluster


def _started(workforce: Workforce) -> Any:
    from distributed import LocalCluster

    try:
        return LocalCluster(
            n_workers=workforce.workers if workforce.adapt is None else workforce.adapt[0],
            threads_per_worker=workforce.threads,
            processes=True,
            dashboard_address=None,
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # of what else it serves over HTTP
            memory_limit=None,
            resources={"GPU": workforce.threads} if workforce.gpus else None,
            silence_logs=logging.CRITICAL,  # what fails in a shard is told by the run, in one line
        )
    except (OSError, RuntimeError) as error:
        raise RefocusError(f"no local cluster could be started ({error}); try --workers 0") from None
