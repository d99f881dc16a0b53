"""Ctrl-C at any moment: one line, the documented exit code, nothing left running."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.cli.command import start


@pytest.mark.parametrize(
    "seconds", [1.0, 2.5, *(pytest.param(each, marks=pytest.mark.long) for each in (0.5, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0))]
)
def test_an_interrupt_ends_a_run_in_good_order(slide: Path, tmp_path: Path, seconds: float) -> None:
    """Whether it imports, starts workers or refocuses; threads that import meanwhile do not keep it from ending."""
    process = start(["run", str(slide), "-o", str(tmp_path / "out")])
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said and said.rstrip().splitlines()[-1].startswith("wsi-refocus: interrupted")
    time.sleep(0.5)
    left = [each for each in psutil.process_iter() if _group(each.pid) == process.pid]
    assert [each for each in left if each.status() != psutil.STATUS_ZOMBIE] == []


_POOL = """
import os, signal, threading, time
from concurrent.futures import ThreadPoolExecutor
from wsi_refocus_cli.interruption import take_termination_as_interrupt

start = threading.Thread.start

def interrupted_start(thread):
    start(thread)
    if thread.name.startswith("pool"):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.1)

threading.Thread.start = interrupted_start
take_termination_as_interrupt()
pool = ThreadPoolExecutor(1, "pool")
try:
    pool.submit(int)
    time.sleep(20)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_an_interrupt_while_a_pool_starts_a_thread_leaves_none_behind() -> None:
    """The pool would not know of it, and the interpreter wait for its end for ever."""
    done = subprocess.run([sys.executable, "-c", _POOL], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted\n", "")


def _group(number: int) -> int | None:
    try:
        return os.getpgid(number)
    except ProcessLookupError:
        return None
