"""What the jobs of a batch system look like, as a user describes them in a file."""

from __future__ import annotations

import re
import sys
import tomllib
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from wsi_refocus.errors import UsageError
from wsi_refocus.pipeline.workforce import GPU_SLOTS, Workforce

System = Literal["slurm", "pbs", "lsf", "sge"]
SYSTEMS: tuple[System, ...] = ("slurm", "pbs", "lsf", "sge")

_TIME = re.compile(r"(?:(\d+)-)?(\d+):([0-5]\d):([0-5]\d)")
_MEMORY = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT])(i?)B?", re.IGNORECASE)
_POWERS = {"K": 1, "M": 2, "G": 3, "T": 4}
_LEAST_SECONDS = 120
_OF_ONE_MACHINE = {"cores", "gpus", "jobs", "adapt"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Jobs:
    """Jobs that workers run in. The fields are the keys of the configuration file, all but ``system``.

    Attributes
    ----------
    system : str
        ``slurm``, ``pbs``, ``lsf`` or ``sge``.
    cores : int
        Cores of a job.
    memory : str
        Memory of a job, as ``32GB``.
    time : str
        Wall time of a job, as ``04:00:00`` or ``1-00:00:00``.
    jobs : int
        Number of jobs; what ends is submitted again as long as there is work.
    adapt : tuple of int or None
        Least and greatest number of jobs, which then follows the work, instead of ``jobs``.
    gpus : int
        GPUs of a job.
    gpu_request : str or None
        The batch system's words for them, where the usual ones do not fit.
    queue, account : str or None
        Queue (partition) and account (project) that jobs go to.
    directives : tuple of str
        Further options of the batch system, as ``--constraint=avx2``.
    parallel_environment : str
        SGE's name for several cores on one machine.
    container : str or None
        Words before the worker's command, as ``apptainer exec --nv refocus.sif``.
    python : str
        Interpreter of the workers.
    environment : tuple of str
        Lines of shell that a job begins with, as ``module load cuda``.
    local_directory : str or None
        Folder on the nodes for the workers' own files.
    interface : str or None
        Network interface that scheduler and workers use, as ``ib0``.
    scheduler_host : str or None
        Name or address of this machine as the nodes see it.
    scheduler_port : int
        Port of the scheduler; 0 for any.
    dashboard : str
        Address of the dashboard.
    tls : bool
        Whether scheduler and workers speak TLS, with certificates made for the run.
    logs : str
        Folder of the jobs' logs, which all nodes see.
    """

    system: System
    cores: int
    memory: str
    time: str
    jobs: int = 0
    adapt: tuple[int, int] | None = None
    gpus: int = 0
    gpu_request: str | None = None
    queue: str | None = None
    account: str | None = None
    directives: tuple[str, ...] = ()
    parallel_environment: str = "smp"
    container: str | None = None
    python: str | None = None
    environment: tuple[str, ...] = ()
    local_directory: str | None = None
    interface: str | None = None
    scheduler_host: str | None = None
    scheduler_port: int = 0
    dashboard: str = "127.0.0.1:0"
    tls: bool = True
    logs: str = "wsi-refocus-jobs"

    def __post_init__(self) -> None:
        if self.cores < 1 or self.gpus < 0 or self.jobs < 0:
            raise UsageError("a job has at least one core, and no number of jobs or GPUs is negative")
        if self.seconds < _LEAST_SECONDS:
            raise UsageError(f"time = {self.time!r}: jobs of less than two minutes do nothing but start")
        if self.adapt is None and self.jobs == 0:
            raise UsageError("the number of jobs is missing: set jobs = N, or give --adapt MIN,MAX")
        if self.adapt is not None and not 0 <= self.adapt[0] <= self.adapt[1] != 0:
            raise UsageError(f"adapt = {list(self.adapt)}: give the least and the greatest number of jobs")
        _ = self.memory_bytes

    @property
    def seconds(self) -> int:
        """Wall time in seconds."""
        match = _TIME.fullmatch(self.time.strip())
        if match is None:
            raise UsageError(f"time = {self.time!r} is not of the form HH:MM:SS or D-HH:MM:SS")
        days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return ((days * 24 + hours) * 60 + minutes) * 60 + seconds

    @property
    def memory_bytes(self) -> int:
        """Memory in bytes."""
        match = _MEMORY.fullmatch(self.memory.strip())
        if match is None:
            raise UsageError(f"memory = {self.memory!r} is not a size such as 32GB")
        return int(float(match[1]) * (1024 if match[3] else 1000) ** _POWERS[match[2].upper()])

    @property
    def processes(self) -> int:
        """Workers in a job: one a GPU, else one for two cores."""
        return self.gpus or max(1, self.cores // 2)

    @property
    def threads(self) -> int:
        """Tasks that a worker has in hand at once."""
        of_cores = max(1, self.cores // self.processes)
        return min(GPU_SLOTS, of_cores) if self.gpus else of_cores

    @property
    def bounds(self) -> tuple[int, int]:
        """Least and greatest number of jobs."""
        return self.adapt or (self.jobs, self.jobs)

    @property
    def interpreter(self) -> str:
        """Command that starts Python in a job."""
        python = self.python or ("python" if self.container else sys.executable)
        return python if self.container is None else f"{self.container} {python}"


def read_cluster(
    kind: str, path: str | None, adapt: tuple[int, int] | None = None, *, gpus: int = 0
) -> Jobs | Workforce:
    """Read the description of a cluster.

    Parameters
    ----------
    kind
        ``slurm``, ``pbs``, ``lsf``, ``sge``, or ``local`` for processes of this machine.
    path
        TOML file; its keys are the fields of `Jobs`. Not needed for ``local``.
    adapt
        Least and greatest number of jobs; outweighs the file.
    gpus
        GPUs of this machine, which ``local`` uses if the file says nothing else.

    Returns
    -------
    Jobs or Workforce
        Jobs of a batch system, or processes of this machine.

    Raises
    ------
    UsageError
        If the file cannot be read, or a key is unknown, missing or wrong.
    """
    keys = {} if path is None else _read(path)
    where = path or f"--cluster {kind}"
    try:
        if kind == "local":
            return _local(keys, adapt, gpus)
        system = next((name for name in SYSTEMS if name == kind), None)
        if system is None:
            raise UsageError(f"there is no cluster {kind!r}; choose local, {', '.join(SYSTEMS)}")
        described = [field for field in fields(Jobs) if field.name != "system"]
        checked = _checked(keys, {field.name for field in described}) | ({"adapt": adapt} if adapt else {})
        missing = [field.name for field in described if field.default is MISSING and field.name not in checked]
        if missing:
            raise UsageError(f"{', '.join(missing)} must be said in a file (--cluster-config, docs/hpc.md)")
        return Jobs(system=system, **checked)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None


def _local(keys: dict[str, Any], adapt: tuple[int, int] | None, gpus: int) -> Workforce:
    checked = _checked(keys, _OF_ONE_MACHINE) | ({"adapt": adapt} if adapt else {})
    chosen = Workforce.choose(checked.get("jobs"), checked.get("cores"), checked.get("gpus", gpus))
    return Workforce(chosen.workers, chosen.threads, chosen.gpus, checked.get("adapt"))


def _read(path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise UsageError(f"{path}: is not TOML ({error})") from None


def _checked(keys: dict[str, Any], known: set[str]) -> dict[str, Any]:
    """Values of a file in the types of the fields."""
    unknown = sorted(keys.keys() - known)
    if unknown:
        raise UsageError(f"there is no key {unknown[0]!r} here; known are {', '.join(sorted(known))}")
    kinds = {field.name: str(field.type) for field in fields(Jobs)}
    return {name: _as(kinds[name], name, value) for name, value in keys.items()}


def _as(kind: str, name: str, value: Any) -> Any:
    if kind.startswith("tuple[int, int]"):
        if isinstance(value, list) and len(value) == 2 and all(type(number) is int for number in value):
            return tuple(value)
        raise UsageError(f"{name} = {value!r}: two whole numbers are needed, as [0, 20]")
    if kind.startswith("tuple[str"):
        if isinstance(value, list) and all(isinstance(line, str) for line in value):
            return tuple(value)
        raise UsageError(f'{name} = {value!r}: a list of texts is needed, as ["…"]')
    expected: type = {"int": int, "bool": bool}.get(kind, str)
    if type(value) is not expected:
        raise UsageError(f"{name} = {value!r}: {'a text' if expected is str else expected.__name__} is needed")
    if isinstance(value, str) and "\n" in value:
        raise UsageError(f"{name}: a single line is needed")
    return value
