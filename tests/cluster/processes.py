"""A Dask scheduler and workers as processes of their own, as somebody else would have started them."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

QUIET = {"DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "info", "PYTHONUNBUFFERED": "1"}


def _until(log: Path, pattern: str, process: subprocess.Popen[bytes]) -> str:
    """Wait for a line of a log; the whole log is in the error if it does not come."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        found = re.search(pattern, log.read_text())
        if found:
            return found[found.lastindex or 0]
        assert process.poll() is None, log.read_text()
        time.sleep(0.05)
    raise AssertionError(log.read_text())


@contextlib.contextmanager
def _process(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own, which ends with the block, however hard it hangs."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, env=os.environ | QUIET, start_new_session=True
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextlib.contextmanager
def scheduler(folder: Path, *options: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A scheduler on loopback; yields its address and process."""
    log = folder / "scheduler.log"
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    with _process([*command, "--dashboard-address", "127.0.0.1:0", *options], log) as process:
        yield _until(log, r"Scheduler at:\s+((?:tcp|tls)://\S+)", process), process


@contextlib.contextmanager
def worker(folder: Path, address: str, *options: str, before: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """A worker of one thread.

    Parameters
    ----------
    folder
        Folder for its log and files.
    address
        Its scheduler.
    *options
        Of ``dask worker``.
    before
        Python to run in its process first; only without a nanny, which starts another process.
    """
    log = folder / f"worker-{time.monotonic_ns()}.log"
    start = f"{before}\nfrom distributed.cli.dask_worker import main\nmain()"
    command = [sys.executable, "-c", start, address, "--nthreads", "1", "--local-directory", str(folder)]
    with _process([*command, "--no-dashboard", *options], log) as process:
        _until(log, r"Registered to:", process)
        yield process
