"""The workers of a Dask cluster as they are now: they come and go."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wsi_refocus.errors import ClusterLostError

logger = logging.getLogger(__name__)

FRESH_SECONDS = 2.0
"""For how long it is believed who is there."""
PATIENCE_SECONDS = 120.0
"""Seconds without any worker after which a cluster that starts none by itself is given up."""
REMIND_SECONDS = 300.0
"""Seconds between two lines that say that there are no workers."""


@dataclass(frozen=True, slots=True)
class Supply:
    """Where workers come from.

    Attributes
    ----------
    name : str
        How the place is called in messages.
    most_slots : int
        Tasks that run at once when all workers are there that may come; 0 where that is not known.
    threads : int
        Tasks that run at once in a worker; 0 where that is not known before one is there.
    gpus : bool or None
        Whether the workers have GPUs that tasks take a share of; None to see when they are there.
    check : callable or None
        Raises if no workers will come; where there is one, they are waited for as long as it takes.
    """

    name: str
    most_slots: int = 0
    threads: int = 0
    gpus: bool | None = None
    check: Callable[[], None] | None = None


class Roster:
    """Who works; safe from several threads at once.

    Parameters
    ----------
    client
        Client of the cluster.
    supply
        Where its workers come from.
    """

    def __init__(self, client: Any, supply: Supply) -> None:
        self._client, self.supply = client, supply
        self._lock = threading.Lock()
        self._workers: dict[str, dict[str, Any]] = {}
        self._looked = float("-inf")
        self._alone_since: float | None = None
        self._reminded = float("-inf")

    def look(self, *, anew: bool = False) -> dict[str, dict[str, Any]]:
        """Workers by address, as Dask describes them; at most two seconds old.

        Raises
        ------
        ClusterLostError
            If the scheduler does not answer, or there have been no workers for too long.
        """
        with self._lock:
            if anew or time.monotonic() - self._looked > FRESH_SECONDS:
                self._workers = self._ask()
                self._looked = time.monotonic()
                self._wait_for_workers()
            return self._workers

    @property
    def slots(self) -> int:
        """Tasks that run at once; one where there are no workers yet."""
        return max(1, sum(self._slots_of(worker) for worker in self.look().values()))

    @property
    def window(self) -> int:
        """Tasks of one caller that the scheduler should know of, so that no worker waits and workers are asked for."""
        return 2 * max(self.slots, self.supply.most_slots)

    @property
    def threads(self) -> int:
        """Tasks that run at once in one worker."""
        return min((self._slots_of(worker) for worker in self.look().values()), default=max(1, self.supply.threads))

    @property
    def gpus(self) -> bool:
        """Whether tasks take a share of a GPU."""
        if self.supply.gpus is not None:
            return self.supply.gpus
        return any(_gpus(worker) for worker in self.look().values())

    def has_nanny(self, worker: str) -> bool:
        """Whether a worker can be started anew from outside."""
        return bool(self.look().get(worker, {}).get("nanny"))

    def _slots_of(self, worker: dict[str, Any]) -> int:
        threads, gpus = int(worker["nthreads"]), _gpus(worker)
        return threads if not self.supply.gpus and not gpus else min(threads, gpus)

    def _ask(self) -> dict[str, dict[str, Any]]:
        if self._client.status != "running":
            raise self.lost()
        try:
            return dict(self._client.scheduler_info(n_workers=-1)["workers"])
        except (OSError, TimeoutError, ValueError, RuntimeError, AttributeError):
            raise self.lost() from None

    def lost(self) -> ClusterLostError:
        """Error that says that the scheduler is gone."""
        return ClusterLostError(
            f"the connection to the Dask scheduler of {self.supply.name} was lost; what is done is kept, and the same "
            "command continues"
        )

    def _wait_for_workers(self) -> None:
        now = time.monotonic()
        if self._workers:
            if self._reminded > float("-inf"):
                logger.info("%s: %d workers", self.supply.name, len(self._workers))
            self._alone_since, self._reminded = None, float("-inf")
            return
        if self.supply.check is not None:
            self.supply.check()
        self._alone_since = now if self._alone_since is None else self._alone_since
        if self.supply.check is None and now - self._alone_since > PATIENCE_SECONDS:
            raise ClusterLostError(
                f"{self.supply.name} has had no workers for {now - self._alone_since:.0f} s; what is done is kept: "
                "start some and run the same command again"
            )
        if now - self._reminded > REMIND_SECONDS:
            self._reminded = now
            logger.warning("%s: waiting for workers", self.supply.name)


def _gpus(worker: dict[str, Any]) -> int:
    return int(worker.get("resources", {}).get("GPU", 0))
