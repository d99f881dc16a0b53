"""Ctrl-C at any moment: one line, the documented exit code, nothing left running."""

import os
import signal
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


def _group(number: int) -> int | None:
    try:
        return os.getpgid(number)
    except ProcessLookupError:
        return None
