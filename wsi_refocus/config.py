"""Settings of a run, checked before anything is read."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from wsi_refocus.errors import UsageError
from wsi_refocus.network.precision import Precision
from wsi_refocus.tiling.grid import TILE
from wsi_refocus.trust.choices import Policy, Uncertainty
from wsi_refocus.trust.limits import Limits

Pair = tuple[int, int]


OF_THE_WORK = frozenset(
    {
        *("workers", "threads", "scheduler", "tls_ca_file", "tls_cert", "tls_key"),
        *("cluster", "cluster_config", "adapt", "shard_timeout", "retries", "overwrite"),
    }
)
"""Settings that say how the work is done; what is written does not depend on them."""


class RunSettings(BaseModel):
    """Everything that a user can decide about a run.

    Attributes
    ----------
    method : str
        Name of the method in the registry.
    checkpoint : str or None
        Checkpoint of the method; None for the bundled one.
    profile : str or None
        Optics profile of the scanner, for methods that use one.
    planes : tuple of int or None
        Indices of the two planes; None to choose them.
    defocus_offset_um : float or None
        ΔD: distance in µm of each shot from the initial focal plane.
    z_um : tuple of float or None
        Heights in µm of the two planes of a pair of files.
    mpp : float or None
        µm per pixel of level 0, where the slide does not say.
    level : int
        Level of the source that is refocused.
    region : tuple of int or None
        Part of that level to refocus: y, x, height, width.
    resample : float or None
        µm per pixel at which the slide is refocused and written; None for its own.
    tissue_mask : bool
        Whether background is taken over instead of predicted.
    tile : int
        Edge in pixels of the tiles that a method works on.
    device : str
        ``auto``, ``cpu`` or ``cuda``.
    precision : str
        ``full`` for networks in single precision, ``half`` for half of it where that is faster, and ``auto`` for the
        same, but on the CPU only where it changes less than a grey level.
    workers : int or None
        Worker processes; 0 works in this process, without a scheduler; None chooses.
    threads : int or None
        Shards that a worker process has in hand at once; None chooses.
    scheduler : str or None
        Address of a Dask scheduler to use instead of a cluster of this run's own.
    tls_ca_file, tls_cert, tls_key : str or None
        Certificates for a scheduler at ``tls://``.
    cluster : str or None
        Batch system whose jobs are to do the work, or ``local``; None for this machine.
    cluster_config : str or None
        File that describes those jobs.
    adapt : tuple of int or None
        Least and greatest number of jobs, which then follows the work.
    shard_timeout : float or None
        Seconds after which a shard is taken to hang; None to go by the others.
    retries : int
        How often a failed shard is tried again.
    ngff : str
        Version of OME-NGFF to write.
    compressor : str
        Codec of the chunks, as ``zstd:3``.
    reference : str or None
        In-focus slide, or ``plane:N`` of the input, to measure the result against.
    policy : str
        What is done with tiles that are not believed: ``keep-sharper``, ``flag`` or ``off``.
    uncertainty : str
        How much is predicted again to see whether the network agrees with itself: ``subset`` or ``full``.
    limits : dict
        Limits of the evidence that differ from those of `wsi_refocus.trust.limits.Limits`.
    phase : bool
        Whether a phase map is written beside the picture.
    overwrite : bool
        Whether an existing output is replaced.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str = "tsva-lite"
    checkpoint: str | None = None
    profile: str | None = None
    planes: Pair | None = None
    defocus_offset_um: Annotated[float, Field(gt=0)] | None = None
    z_um: tuple[float, float] | None = None
    mpp: Annotated[float, Field(gt=0)] | None = None
    level: Annotated[int, Field(ge=0)] = 0
    region: tuple[int, int, int, int] | None = None
    resample: Annotated[float, Field(gt=0)] | None = None
    tissue_mask: bool = True
    tile: Annotated[int, Field(ge=64, le=8192)] = TILE
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Precision = "auto"
    workers: Annotated[int, Field(ge=0)] | None = None
    threads: Annotated[int, Field(ge=1)] | None = None
    scheduler: str | None = None
    tls_ca_file: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    cluster: Literal["local", "slurm", "pbs", "lsf", "sge"] | None = None
    cluster_config: str | None = None
    adapt: Pair | None = None
    shard_timeout: Annotated[float, Field(gt=0)] | None = None
    retries: Annotated[int, Field(ge=0)] = 2
    ngff: Literal["0.4", "0.5"] = "0.5"
    compressor: str = "zstd"
    reference: str | None = None
    policy: Policy = "keep-sharper"
    uncertainty: Uncertainty = "subset"
    limits: dict[str, float] = {}
    phase: bool = False
    overwrite: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.planes is not None and self.planes[0] == self.planes[1]:
            raise ValueError(f"the two planes are the same ({self.planes[0]}); name two different ones")
        if self.planes is not None and self.defocus_offset_um is not None:
            raise ValueError("name either the planes or the defocus offset, not both")
        if self.scheduler is not None and self.workers is not None:
            raise ValueError("an existing scheduler has its workers already: give --scheduler or --workers")
        if self.scheduler is not None and self.cluster is not None:
            raise ValueError("an existing scheduler has its workers already: give --scheduler or --cluster")
        if self.region is not None and (min(self.region) < 0 or min(self.region[2:]) < 1):
            raise ValueError("a region is Y,X,HEIGHT,WIDTH in pixels, with a height and width of at least 1")
        Limits().changed(self.limits)
        return self

    def of_the_result(self) -> dict[str, Any]:
        """Those settings that decide what is written, as opposed to how the work is done."""
        return self.model_dump(mode="json", exclude=set(OF_THE_WORK))


def make_settings(**options: Any) -> RunSettings:
    """Build settings from options, with one clear line where one is wrong.

    Raises
    ------
    UsageError
        If an option is unknown, out of range or contradicts another.
    """
    try:
        return RunSettings(**options)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"{where}: {message}" if where else message) from None
