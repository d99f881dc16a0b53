"""Where settings want the work done, and on which kind of device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wsi_refocus.errors import UsageError
from wsi_refocus.methods import device_count, resolve_device, uses_gpu
from wsi_refocus.pipeline.jobs.description import SYSTEMS, Jobs, read_cluster
from wsi_refocus.pipeline.security import Scheduler
from wsi_refocus.pipeline.workforce import Workforce

if TYPE_CHECKING:  # workers do without, and pydantic takes 0.1 s to import
    from wsi_refocus.config import RunSettings


@dataclass(frozen=True, slots=True)
class Place:
    """Where work is done.

    Attributes
    ----------
    workforce : Workforce
        Processes of this machine.
    elsewhere : Scheduler, Jobs or None
        What is used instead.
    device : str
        ``cpu`` or ``cuda``: what the workers work on.
    """

    workforce: Workforce
    elsewhere: Scheduler | Jobs | None
    device: str


def place_of(settings: RunSettings) -> Place:
    """Find out where settings want the work done.

    Parameters
    ----------
    settings
        Settings of a run.

    Raises
    ------
    UsageError
        If settings contradict one another, a device is not there, or the file that describes jobs is wrong.
    """
    _check(settings)
    if settings.cluster in SYSTEMS:
        return _on_jobs(settings)
    device = resolve_device(settings.device, settings.method)
    gpus = device_count() if device.startswith("cuda") else 0
    if settings.cluster is not None:
        found = read_cluster(settings.cluster, settings.cluster_config, settings.adapt, gpus=gpus)
        assert isinstance(found, Workforce)  # noqa: S101 - it is no batch system
        return Place(found, None, device)
    elsewhere = None
    if settings.scheduler is not None:
        elsewhere = Scheduler(settings.scheduler, settings.tls_ca_file, settings.tls_cert, settings.tls_key)
    return Place(workforce_here(settings), elsewhere, device)


def workforce_here(settings: RunSettings) -> Workforce:
    """Processes and threads that a run on this machine gets."""
    device = resolve_device(settings.device, settings.method)
    gpus = device_count() if device.startswith("cuda") else 0
    return Workforce.choose(settings.workers, settings.threads, gpus, together=2 if uses_gpu(settings.method) else 1)


def _on_jobs(settings: RunSettings) -> Place:
    """Jobs of a batch system; this machine, from which they are submitted, need not have what the nodes have."""
    jobs = read_cluster(settings.cluster or "", settings.cluster_config, settings.adapt)
    assert isinstance(jobs, Jobs)  # noqa: S101 - it is a batch system
    if settings.device == "cuda":
        if not uses_gpu(settings.method):
            raise UsageError(f"the method {settings.method} runs on the CPU only; choose --device cpu or auto")
        if not jobs.gpus:
            raise UsageError(f"{settings.cluster_config}: --device cuda needs jobs with gpus = 1 or more")
    on_gpus = jobs.gpus > 0 and settings.device != "cpu" and uses_gpu(settings.method)
    return Place(Workforce(0, jobs.threads), jobs, "cuda" if on_gpus else "cpu")


def _check(settings: RunSettings) -> None:
    if settings.cluster is None and (settings.cluster_config or settings.adapt):
        raise UsageError("--cluster-config and --adapt describe a --cluster; say which")
    if settings.cluster is not None and (settings.workers is not None or settings.threads is not None):
        raise UsageError("--workers and --threads are for this machine; with --cluster say jobs, cores and --adapt")
    if settings.scheduler is None and (settings.tls_ca_file or settings.tls_cert or settings.tls_key):
        raise UsageError("--tls-ca-file, --tls-cert and --tls-key are for a --scheduler at tls://")
