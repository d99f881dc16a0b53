"""Training by several processes, one a GPU, as torchrun starts them; alone, nothing of this happens."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import timedelta

import torch
from torch import Tensor, nn
from torch import distributed as processes

from wsi_refocus.errors import UsageError
from wsi_refocus.training.patches import Batch

_PATIENCE = timedelta(days=2)
"""How long processes wait for the first one, which may simulate fields for hours."""


@dataclass(frozen=True, slots=True)
class Team:
    """The processes of one training.

    All draw the same batches and each takes its share of them; gradients are averaged, so that all keep the same
    weights, which are those of one process but for rounding. Only the statistics of batch normalisation differ: each
    process has those of its share, and what is kept are the first one's.

    Attributes
    ----------
    rank : int
        Number of this process.
    size : int
        How many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that simulates, validates, logs and writes."""
        return self.rank == 0

    def require_even(self, batch: int) -> None:
        """Refuse a batch that the processes cannot share evenly.

        Raises
        ------
        UsageError
            If there would be a rest.
        """
        if batch % self.size:
            raise UsageError(f"a batch of {batch} patches cannot be shared by {self.size} processes; choose a multiple")

    def share_of(self, batch: Batch) -> Batch:
        """Patches of a batch that are this process's."""
        return Batch(*(getattr(batch, each.name)[self.rank :: self.size] for each in fields(batch)))

    def average_gradients(self, network: nn.Module) -> None:
        """Replace every gradient by its mean over the processes."""
        if self.size == 1:
            return
        for weight in network.parameters():
            if weight.grad is not None:
                processes.all_reduce(weight.grad)
                weight.grad.div_(self.size)

    def mean(self, value: Tensor) -> float:
        """Mean of a number over the processes; not a number if it is none anywhere."""
        if self.size == 1:
            return float(value)
        value = value.clone()
        processes.all_reduce(value)
        return float(value) / self.size

    def leader_says(self, *, over: bool) -> bool:
        """What the first process has to say, heard by all."""
        if self.size == 1:
            return over
        said = [over]
        processes.broadcast_object_list(said)
        return said[0]

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.size > 1:
            processes.barrier()


@contextmanager
def joined(device: str) -> Iterator[tuple[Team, str]]:
    """Join the processes that torchrun started.

    Parameters
    ----------
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``, as it was asked for.

    Yields
    ------
    team : Team
        The processes; this one alone if torchrun did not start it.
    device : str
        The same, or for one of several processes a GPU of its own.
    """
    team = Team(rank(), int(os.environ.get("WORLD_SIZE", "1")))
    if team.size == 1:
        yield team, device
        return
    on_gpu = device != "cpu" and torch.cuda.is_available()
    local = f"cuda:{os.environ['LOCAL_RANK']}"
    if on_gpu:
        torch.cuda.set_device(local)
    processes.init_process_group("nccl" if on_gpu else "gloo", timeout=_PATIENCE)
    try:
        yield team, local if on_gpu else "cpu"
    finally:
        processes.destroy_process_group()


def rank() -> int:
    """Number of this process among those that torchrun started; 0 if it did not."""
    return int(os.environ.get("RANK", "0"))
