"""Many small slides with broken ones among them, in one batch."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.faults.processes import Ended, running
from tests.support.two_shot import tissue, two_planes, write_ome_tiff
from wsi_refocus.archive.ledger import LEDGER_FOLDER, Ledger
from wsi_refocus.ngff.metadata import is_finished

BROKEN = {
    "cut": lambda whole: whole[: len(whole) // 3],
    "empty": lambda whole: b"",
    "text": lambda whole: b"this is no slide at all",
    "zeros": lambda whole: whole[:200] + bytes(len(whole) - 200),
}


def archive_of(folder: Path, good: int, broken: int) -> None:
    """Write an archive: copies of a few slides under many names, and broken ones among them."""
    folder.mkdir()
    wholes = []
    for seed in range(3):
        path = write_ome_tiff(folder / "part.ome.tiff", two_planes(tissue((260, 300), seed=seed)), mpp=0.5)
        wholes.append(path.read_bytes())
        path.unlink()
    for number in range(good):
        (folder / f"good{number:03}.ome.tiff").write_bytes(wholes[number % 3])
    for number in range(broken):
        spoil = list(BROKEN.values())[number % len(BROKEN)]
        (folder / f"broken{number:03}.ome.tiff").write_bytes(spoil(wholes[0]))


def watched(*arguments: object, timeout: float) -> tuple[Ended, list[int], list[int]]:
    """Run a batch to its end; also its memory and open files, in all its processes, twice a second."""
    memory: list[int] = []
    files: list[int] = []
    with running("batch", *arguments) as process:
        until = time.monotonic() + timeout
        while process.poll() is None and time.monotonic() < until:
            try:
                family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
                memory.append(sum(each.memory_info().rss for each in family))
                files.append(sum(each.num_fds() for each in family))
            except psutil.Error:
                pass
            time.sleep(0.5)
        said, _ = process.communicate(timeout=10)
    return Ended(process.returncode, said), memory, files


def check(folder: Path, output: Path, good: int, broken: int, *how: object, timeout: float) -> tuple[float, float]:
    """Refocus an archive; returns the growth of memory and open files between its second and its last quarter."""
    archive_of(folder, good, broken)
    ended, memory, files = watched(folder, "-o", output, "--method", "mean", "-q", *how, timeout=timeout)
    assert ended.code == 4, ended.said
    assert "Traceback" not in ended.said
    records = {Path(str(record.entry["slide"])).name: record for record in Ledger(output / LEDGER_FOLDER).records()}
    assert sum(record.state == "done" for record in records.values()) == good
    for number in range(good):
        assert is_finished(output / f"good{number:03}.refocused.ome.zarr")
    for number in range(broken):
        name = f"broken{number:03}.ome.tiff"
        assert name in (output / "archive.html").read_text()
        assert name not in records or records[name].state == "failed"
    quarter = max(1, len(memory) // 4)
    early, late = slice(quarter, 2 * quarter), slice(-quarter, None)
    return (
        float(np.median(memory[late]) / np.median(memory[early])),
        float(np.median(files[late]) / np.median(files[early])),
    )


def test_a_small_archive_with_broken_slides(tmp_path: Path) -> None:
    check(tmp_path / "slides", tmp_path / "out", 6, 4, "--workers", "0", "--threads", "2", timeout=120)


@pytest.mark.faults
def test_two_hundred_slides(tmp_path: Path) -> None:
    memory, files = check(tmp_path / "slides", tmp_path / "out", 190, 10, timeout=1800)
    assert memory < 1.2
    assert files < 1.1
