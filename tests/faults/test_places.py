"""Slides and disks that fail while they are used."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import OPTIONS, Undisturbed
from tests.faults.processes import arrays_of, run, running, shards_done, wait, wait_until
from wsi_refocus.ngff.metadata import is_finished

LOCAL = ["--workers", "1", "--threads", "2"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 200 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no right to mount a small file system here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.faults
def test_a_full_disk_is_told_and_costs_nothing(undisturbed: Undisturbed, small_disk: Path) -> None:
    output, ballast = small_disk / "out.ome.zarr", small_disk / "ballast"
    ballast.write_bytes(bytes(190 * 2**20))
    ended = run("run", undisturbed.slide, "-o", output, *LOCAL, *OPTIONS)
    assert ended.code == 3, ended.said
    assert "full" in ended.said
    assert len(ended.said.strip().splitlines()) == 1
    assert not is_finished(output)
    ballast.unlink()
    again = run("run", undisturbed.slide, "-o", output, *LOCAL, *OPTIONS)
    assert again.code == 0, again.said
    assert arrays_of(output) == undisturbed.arrays


@pytest.mark.faults
def test_a_slide_that_is_cut_off_while_it_is_read_is_named(undisturbed: Undisturbed, tmp_path: Path) -> None:
    slide, output = tmp_path / "slide.ome.tiff", tmp_path / "out.ome.zarr"
    whole = undisturbed.slide.read_bytes()
    slide.write_bytes(whole)
    with running("run", slide, "-o", output, "--workers", "0", "--threads", "1", "--retries", "0", *OPTIONS) as process:
        wait_until(lambda: shards_done(output) >= 1)
        os.truncate(slide, len(whole) // 50)
        ended = wait(process, 120)
    assert ended.code in (3, 4), ended.said
    assert "Traceback" not in ended.said
    assert not is_finished(output)
    slide.write_bytes(whole)
    assert run("run", slide, "-o", output, "--workers", "0", *OPTIONS).code == 0
    assert arrays_of(output) == undisturbed.arrays


def test_a_slide_that_vanishes_is_named(undisturbed: Undisturbed, tmp_path: Path) -> None:
    slide, output = tmp_path / "slide.ome.tiff", tmp_path / "out.ome.zarr"
    slide.write_bytes(undisturbed.slide.read_bytes())
    with running("run", slide, "-o", output, *LOCAL, "--retries", "0", *OPTIONS) as process:
        time.sleep(0.5)
        slide.unlink()
        ended = wait(process, 120)
    assert ended.code in (0, 3, 4), ended.said  # who has opened the file before still reads it
    assert "Traceback" not in ended.said
    assert is_finished(output) == (ended.code == 0)


def test_a_folder_without_the_right_to_write_is_told(undisturbed: Undisturbed, tmp_path: Path) -> None:
    folder = tmp_path / "file"
    folder.write_text("a file, not a folder")
    ended = run("run", undisturbed.slide, "-o", folder / "out.ome.zarr", *LOCAL, *OPTIONS)
    assert ended.code == 3
    assert len(ended.said.strip().splitlines()) == 1
