"""Keeps jobs at work: as many as there is work for, and a new one for each that ended."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distributed.core import Status
from distributed.deploy import Adaptive

from wsi_refocus.errors import ClusterLostError

logger = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""Seconds between two looks at jobs."""
IDLE_LOOKS = 12
"""Looks at which a job has nothing to do before it is ended: a minute, as the next stage of a run may need it."""
FRUITLESS_STARTS = 3
"""Jobs in a row that come to nothing, with no other at work, before it is given up."""


@dataclass(slots=True)
class JobNotes:
    """What is known of jobs that came to nothing.

    Attributes
    ----------
    folder : Path
        Folder in which jobs leave a file when they end, and their logs.
    fruitless : int
        How many in a row came to nothing.
    reason : str
        Why the last did.
    at_work : bool
        Whether a worker was there at the last look.
    """

    folder: Path
    fruitless: int = 0
    reason: str = ""
    at_work: bool = False
    _arrived: set[str] = field(default_factory=set)

    def mark(self, job: str) -> Path:
        """File that a job leaves when it ends."""
        return self.folder / f"{job}.ended"

    def submitted(self, job: str) -> None:
        """A job is on its way."""
        self._arrived.discard(job)
        self.mark(job).unlink(missing_ok=True)

    def refused(self, job: str, error: Exception) -> None:
        """The batch system took no job."""
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        said = [line for line in lines if "error" in line.lower() and not line.endswith(":")]
        self._came_to_nothing(f"the batch system refused job {job}: {(said or lines or ['no reason given'])[-1]}")

    def arrived(self, jobs: set[str]) -> None:
        """Workers of these jobs are there."""
        self._arrived |= jobs
        self.at_work = bool(jobs)
        if jobs:
            self.fruitless = 0

    def ended(self, job: str) -> bool:
        """Whether a job has ended by itself; notes it if its worker never came."""
        if not self.mark(job).is_file():
            return False
        if job not in self._arrived:
            self._came_to_nothing(f"job {job} ended before its worker came; its log is in {self.folder}")
        return True

    def check(self) -> None:
        """Give up where jobs come to nothing again and again.

        Raises
        ------
        ClusterLostError
            If they do, and there is no worker.
        """
        if self.fruitless >= FRUITLESS_STARTS and not self.at_work:
            raise ClusterLostError(f"{self.reason} ({self.fruitless} in a row); mend it and run the same command again")

    def _came_to_nothing(self, reason: str) -> None:
        self.fruitless += 1
        if reason != self.reason:
            logger.warning("%s", reason)
        self.reason = reason


def telling(job_class: type[Any], notes: JobNotes) -> type[Any]:
    """Make a class of jobs that tell when they are refused and when they end.

    Parameters
    ----------
    job_class
        Class of dask-jobqueue.
    notes
        Who is told.
    """

    class TellingJob(job_class):  # type: ignore[misc]
        """A job that leaves a file when it ends."""

        def job_script(self) -> str:
            script: str = super().job_script()
            return f"{script.rstrip()}\necho $? > '{notes.mark(str(self.name))}'\n"

        async def start(self) -> None:
            notes.submitted(str(self.name))
            try:
                await super().start()
            except (RuntimeError, OSError, ValueError) as error:  # told in one line; the keeper tries again
                notes.refused(str(self.name), error)
                self.status = Status.running

    return TellingJob


class Keeper(Adaptive):  # type: ignore[misc]
    """Dask's adaptive scaling, which also submits again what ended, was refused or was cancelled.

    Parameters
    ----------
    cluster
        A cluster of dask-jobqueue.
    notes
        What is known of its jobs.
    threads
        Tasks at once in each worker.
    **options
        As of `distributed.deploy.Adaptive`.
    """

    def __init__(self, cluster: Any, *, notes: JobNotes, threads: int, **options: Any) -> None:
        super().__init__(cluster, **options)
        self._notes, self._threads = notes, threads

    async def target(self) -> int:
        """Workers that the work needs."""
        target: int = await super().target()
        # without any worker, Dask does not know how many tasks one of them does
        return target if self.observed else math.ceil(target / self._threads)

    async def recommendations(self, target: int) -> dict[str, Any]:
        """What to do, after what has ended was forgotten, so that it is submitted again."""
        self._forget_what_ended()
        advice: dict[str, Any] = await super().recommendations(target)
        return advice

    def _forget_what_ended(self) -> None:
        cluster = self.cluster
        present = {
            name for name, spec in cluster.worker_spec.items()
            if self.observed & ({f"{name}{suffix}" for suffix in spec["group"]} if "group" in spec else {name})
        }  # fmt: skip
        self._notes.arrived(present)
        for name, job in list(cluster.workers.items()):
            refused = job.job_id is None
            if name not in present and (refused or self._notes.ended(name)):
                del cluster.workers[name]
