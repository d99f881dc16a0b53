"""Processes killed at any moment: the same command goes on, and ends in the same bytes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.faults.conftest import OPTIONS, Undisturbed
from tests.faults.processes import (
    Writing,
    arrays_of,
    gone,
    run,
    running,
    shards_written,
    wait,
    wait_until,
    workers_of,
    writing_of,
)
from wsi_refocus.ngff.metadata import is_finished

MOMENTS = 20
LOCAL = ["--workers", "2", "--threads", "1"]
few = pytest.mark.parametrize("share", [0.6])


def _assert_whole(output: Path, undisturbed: Undisturbed, done: dict[str, Writing], *how: object) -> None:
    """Go on unless the run has ended, and compare; the shards that were done are those that were written then."""
    if not is_finished(output):
        ended = run("run", undisturbed.slide, "-o", output, *how, *OPTIONS)
        assert ended.code == 0, ended.said
    assert arrays_of(output) == undisturbed.arrays
    assert {name: writing_of(output / name) for name in done} == done
    assert not (output / ".wsi-refocus").exists()


def _kill_worker(undisturbed: Undisturbed, output: Path, share: float) -> None:
    """A worker dies: the run itself goes on."""
    with running("run", undisturbed.slide, "-o", output, *LOCAL, *OPTIONS) as process:
        wait_until(lambda: len(workers_of(process.pid)) >= 2 or process.poll() is not None)
        time.sleep(share * undisturbed.seconds * 0.6)
        victims = workers_of(process.pid)
        if victims:
            with_work = max(victims, key=lambda each: each.cpu_times().user)
            with_work.send_signal(signal.SIGKILL)
        done = shards_written(output)
        ended = wait(process, 120)
    early = ended.code == 3 and "no local cluster could be started" in ended.said  # it died while it was started
    assert early or ended.code == 0, ended.said
    assert "Traceback" not in ended.said
    _assert_whole(output, undisturbed, done, *LOCAL)


def _kill_client(undisturbed: Undisturbed, output: Path, share: float) -> None:
    """The client dies: its workers end by themselves."""
    with running("run", undisturbed.slide, "-o", output, *LOCAL, *OPTIONS) as process:
        time.sleep(share * undisturbed.seconds)
        orphans = workers_of(process.pid)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert gone(orphans)
    _assert_whole(output, undisturbed, shards_written(output), *LOCAL)


def _kill_group(undisturbed: Undisturbed, output: Path, share: float) -> None:
    """Everything dies at once, as when a machine does."""
    with running("run", undisturbed.slide, "-o", output, *LOCAL, *OPTIONS) as process:
        time.sleep(share * undisturbed.seconds)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    _assert_whole(output, undisturbed, shards_written(output), *LOCAL)


@contextmanager
def _cluster(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """A scheduler and two workers of their own; yields its address and process."""
    folder.mkdir(exist_ok=True)
    file = folder / f"scheduler-{time.monotonic_ns()}.json"
    options: dict[str, object] = {"start_new_session": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    scheduler = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_scheduler", "--scheduler-file", str(file), "--port", "0",
         "--no-dashboard", "--host", "127.0.0.1"],
        **options,  # type: ignore[call-overload]
    )  # fmt: skip
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(file), "--nthreads", "1",
             "--no-dashboard", "--death-timeout", "20", "--local-directory", str(folder)],
            **options,  # type: ignore[call-overload]
        )
        for _ in range(2)
    ]  # fmt: skip
    try:
        from distributed import Client

        assert wait_until(lambda: file.exists())
        with Client(scheduler_file=str(file), set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
            address = client.scheduler.address
        yield address, psutil.Process(scheduler.pid)
    finally:
        for each in (scheduler, *workers):
            if each.poll() is None:
                os.killpg(each.pid, signal.SIGKILL)
            each.wait()


def _kill_scheduler(undisturbed: Undisturbed, output: Path, share: float) -> None:
    """The scheduler dies: the client says so, and with a new one the same command goes on."""
    with (
        _cluster(output.parent / "dask") as (address, scheduler),
        running("run", undisturbed.slide, "-o", output, "--scheduler", address, *OPTIONS) as process,
    ):
        time.sleep(1.5 + share * 4)
        scheduler.send_signal(signal.SIGKILL)
        ended = wait(process, 120)
    if ended.code != 0:
        assert "Traceback" not in ended.said
        early = ended.code == 2 and "does not answer" in ended.said  # it died before the client had reached it
        assert early or (ended.code == 3 and "same command" in ended.said), ended.said
    done = shards_written(output)
    with _cluster(output.parent / "dask") as (address, _):
        _assert_whole(output, undisturbed, done, "--scheduler", address)


KILLS = {"worker": _kill_worker, "client": _kill_client, "group": _kill_group, "scheduler": _kill_scheduler}


@few
@pytest.mark.parametrize("victim", ["group"])
def test_a_killed_process_costs_nothing(undisturbed: Undisturbed, tmp_path: Path, victim: str, share: float) -> None:
    KILLS[victim](undisturbed, tmp_path / "out.ome.zarr", share)


@pytest.mark.faults
@pytest.mark.parametrize("share", [round(random.Random(7 + n).random(), 3) for n in range(MOMENTS)])
@pytest.mark.parametrize("victim", sorted(KILLS))
def test_killed_at_random(undisturbed: Undisturbed, tmp_path: Path, victim: str, share: float) -> None:
    KILLS[victim](undisturbed, tmp_path / "out.ome.zarr", share)
