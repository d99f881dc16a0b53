"""Runs as real processes in a group of their own, killed at a moment, and what they leave behind."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

CLI = [sys.executable, "-m", "wsi_refocus_cli"]


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    code: int
    said: str


def run(*arguments: object, timeout: float = 180) -> Ended:
    """Run a command to its end."""
    done = subprocess.run(
        [*CLI, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        start_new_session=True,
    )
    return Ended(done.returncode, done.stdout + done.stderr)


@contextmanager
def running(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Start a command in a process group of its own; nothing of it is left at the end."""
    process = subprocess.Popen(
        [*CLI, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def wait(process: subprocess.Popen[str], timeout: float) -> Ended:
    """Wait for the end of a command."""
    said, _ = process.communicate(timeout=timeout)
    return Ended(process.returncode, said)


def workers_of(pid: int) -> list[psutil.Process]:
    """Worker processes below a client: they are spawned, and do the work."""
    with suppress(psutil.NoSuchProcess):
        children = psutil.Process(pid).children(recursive=True)
        return [each for each in children if _is_spawned(each)]
    return []


def _is_spawned(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return any("spawn_main" in word for word in process.cmdline())
    return False


def gone(processes: list[psutil.Process], timeout: float = 30) -> bool:
    """Whether all processes end by themselves within a time."""
    return not psutil.wait_procs(processes, timeout)[1]


def arrays_of(output: Path) -> dict[str, str]:
    """Hash of every file of the arrays of an output."""
    return {
        path.relative_to(output).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(output.rglob("*"))
        if path.is_file() and path.relative_to(output).parts[0].isdigit()
    }


Writing = tuple[int, int]
"""Inode and time of change of a file: they tell one writing of it from another."""


def writing_of(path: Path) -> Writing:
    """Which writing of a file this is."""
    status = path.stat()
    return status.st_ino, status.st_mtime_ns


def shards_written(output: Path) -> dict[str, Writing]:
    """Files of level 0 of the shards that the journal of an unfinished output has; none of a finished one."""
    indices = [path.stem.split("_") for path in (output / ".wsi-refocus" / "shards").glob("*.json")]
    names = [path.relative_to(output).as_posix() for iy, ix in indices for path in output.glob(f"0/c/*/{iy}/{ix}")]
    assert len(names) == len(indices)
    return {name: writing_of(output / name) for name in names}


def shards_done(output: Path) -> int:
    """Shards that the journal of an unfinished output has."""
    return len(list((output / ".wsi-refocus" / "shards").glob("*.json")))


def wait_until(condition: object, timeout: float = 60) -> bool:
    """Wait until a callable is true."""
    assert callable(condition)
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.02)
    return False
