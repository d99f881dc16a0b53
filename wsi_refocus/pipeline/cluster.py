"""Where tasks run: in this process, on a local cluster of processes, or on an existing Dask cluster."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from wsi_refocus.errors import RefocusError, UsageError
from wsi_refocus.pipeline.engine import DaskEngine, Engine, LocalEngine

logger = logging.getLogger(__name__)

GPU_SLOTS = 3
"""Tasks that share one GPU: while one predicts, one reads and one writes."""

ALLOCATOR = {"MALLOC_ARENA_MAX": 1, "MALLOC_MMAP_MAX_": 0, "MALLOC_TRIM_THRESHOLD_": 2**30}
"""What glibc's allocator is told in workers. The same large arrays come and go with every tile and shard: kept in
one arena for all threads they are neither faulted in anew each time nor kept once a thread."""


@dataclass(frozen=True, slots=True)
class Workforce:
    """How many processes and threads a run gets.

    Attributes
    ----------
    workers : int
        Processes; 0 for none but this one.
    threads : int
        Tasks at once in each.
    gpus : int
        GPUs, one a worker; 0 to work on the CPU.
    """

    workers: int
    threads: int
    gpus: int = 0

    @classmethod
    def choose(cls, workers: int | None, threads: int | None, gpus: int) -> Workforce:
        """Fill in what the user left open.

        On GPUs: one process each, with three tasks in hand. On the CPU: processes of up to two threads,
        one thread a core; each prediction is single-threaded, so that results depend on neither number.
        """
        if gpus:
            return cls(min(workers, gpus) if workers is not None else gpus, threads or GPU_SLOTS, gpus)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        if workers is None:
            workers = max(1, cores // (threads or 2))
        return cls(workers, threads or max(1, cores // max(1, workers)), 0)


@contextlib.contextmanager
def open_engine(workforce: Workforce, scheduler: str | None = None) -> Iterator[Engine]:
    """Start, or connect to, the place where tasks run.

    Parameters
    ----------
    workforce
        Processes and threads of a cluster of this run's own.
    scheduler
        Address of an existing scheduler, as ``tcp://host:8786``; its workers see the same files.

    Raises
    ------
    UsageError
        If the scheduler does not answer or has no workers.
    """
    if scheduler is None and workforce.workers == 0:
        yield LocalEngine(workforce.threads)
        return

    from distributed import Client

    if scheduler is not None:
        try:
            client = Client(scheduler, timeout="5s", set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise UsageError(f"the Dask scheduler {scheduler} does not answer ({error})") from None
        with client:
            has_gpus = any("GPU" in worker.get("resources", {}) for worker in _workers(client))
            yield DaskEngine(client, {"GPU": 1} if has_gpus else None)
        return
    with _local_cluster(workforce) as cluster, Client(cluster, set_as_default=False) as client:
        logger.info("local cluster: %d workers with %d threads", workforce.workers, workforce.threads)
        yield DaskEngine(client, {"GPU": 1} if workforce.gpus else None)


def _workers(client: Any) -> list[dict[str, Any]]:
    return list(client.scheduler_info(n_workers=-1)["workers"].values())


def _local_cluster(workforce: Workforce) -> Any:
    import dask
    from distributed import LocalCluster

    quiet = {
        "distributed.worker.multiprocessing-method": "spawn",
        # a shard in hand is the unit of memory; Dask's own spilling and pausing would only get in the way
        "distributed.worker.memory.target": False,
        "distributed.worker.memory.spill": False,
        "distributed.worker.memory.pause": False,
        "distributed.worker.memory.terminate": False,
        "distributed.comm.timeouts.connect": "60s",
        **{f"distributed.nanny.pre-spawn-environ.{name}": value for name, value in ALLOCATOR.items()},
    }
    try:
        with dask.config.set(quiet):
            return LocalCluster(
                n_workers=workforce.workers,
                threads_per_worker=workforce.threads,
                processes=True,
                dashboard_address=None,
                memory_limit=None,
                resources={"GPU": workforce.threads} if workforce.gpus else None,
                silence_logs=logging.CRITICAL,  # what fails in a shard is told by the run, in one line
            )
    except (OSError, RuntimeError) as error:
        raise RefocusError(f"no local cluster could be started ({error}); try --workers 0") from None
