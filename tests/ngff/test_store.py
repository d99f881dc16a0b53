import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import zarr

from tests.ngff.stores import contents, opened_files, random_pixels, small_layout, write_slide
from wsi_refocus.geometry import Region
from wsi_refocus.ngff.compressor import Version
from wsi_refocus.ngff.layout import ShardIndex
from wsi_refocus.ngff.store import create_store, open_levels, read_level, write_shard

VERSIONS: tuple[Version, ...] = ("0.5", "0.4")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_new_store_has_all_arrays_and_opens_as_nothing(tmp_path: Path, version: Version) -> None:
    layout = small_layout(700, 333, version)
    create_store(tmp_path / "out", layout)
    assert [array.shape[1:] for array in open_levels(tmp_path / "out", layout)] == [
        level.size for level in layout.levels
    ]
    assert not any((tmp_path / "out" / name).exists() for name in ("zarr.json", ".zgroup", ".zattrs"))
    with pytest.raises(FileNotFoundError):
        zarr.open_group(tmp_path / "out", mode="r")


@pytest.mark.parametrize("version", VERSIONS)
def test_chunks_and_shards_on_disk(tmp_path: Path, version: Version) -> None:
    layout = small_layout(1100, 600, version)
    create_store(tmp_path, layout)
    arrays = open_levels(tmp_path, layout)
    assert {array.chunks for array in arrays} == {(3, 64, 64)}
    shards = [array.shards for array in arrays]
    if version == "0.4":
        assert shards == [None] * 6
        assert arrays[0].metadata.zarr_format == 2
        write_shard(tmp_path, layout, ShardIndex(0, 0), np.zeros((256, 256, 3), np.uint8))
        assert (tmp_path / "0" / "0" / "3" / "3").is_file()
    else:
        assert shards == [(3, 256, 256), (3, 128, 128), None, (3, 256, 256), (3, 256, 256), (3, 256, 256)]
        assert arrays[0].metadata.dimension_names == ("c", "y", "x")


@pytest.mark.parametrize("version", VERSIONS)
def test_writing_a_shard_reads_nothing_and_writes_each_file_once(tmp_path: Path, version: Version) -> None:
    layout = small_layout(300, 600, version)
    pixels = random_pixels(layout)
    create_store(tmp_path, layout)
    open_levels(tmp_path, layout)
    for index in (ShardIndex(0, 0), ShardIndex(1, 2), ShardIndex(0, 0)):  # inside, at the corner, once more
        region = layout.shard_region(index)
        with opened_files() as opened:
            write_shard(tmp_path, layout, index, pixels[region.slices])
        ours = [(path, reading) for path, reading in opened if path.startswith(str(tmp_path))]
        assert not [path for path, reading in ours if reading]
        chunks = [
            -(-(region.height >> level) // 64) * -(-(region.width >> level) // 64)
            for level in range(layout.task_levels)
        ]
        assert len(ours) == (len(chunks) if version == "0.5" else sum(chunks))


def test_blank_shards_are_written(tmp_path: Path) -> None:
    layout = small_layout(256, 256)
    create_store(tmp_path, layout)
    write_shard(tmp_path, layout, ShardIndex(0, 0), np.zeros((256, 256, 3), np.uint8))
    assert all((tmp_path / str(level) / "c" / "0" / "0" / "0").is_file() for level in range(3))


def test_threads_write_the_same_bytes_as_one(tmp_path: Path) -> None:
    layout = small_layout(1500, 1300)
    pixels = random_pixels(layout)
    write_slide(tmp_path / "one", layout, pixels)
    create_store(tmp_path / "many", layout)
    with ThreadPoolExecutor(8) as pool:
        jobs = [
            pool.submit(write_shard, tmp_path / "many", layout, index, pixels[layout.shard_region(index).slices])
            for index in reversed(layout.shards)
        ]
        for job in jobs:
            job.result()
    one, many = contents(tmp_path / "one"), contents(tmp_path / "many")
    assert many == {name: one[name] for name in many}
    assert sum(name.startswith(("0/c", "1/c", "2/c")) for name in many) == 3 * len(layout.shards)


KILLED = """
import sys
from tests.ngff.stores import *
layout = small_layout(1500, 1500)
pixels = random_pixels(layout)
while True:
    for index in layout.shards:
        write_shard(sys.argv[1], layout, index, pixels[layout.shard_region(index).slices])
"""


def test_what_a_killed_writer_leaves_is_replaced(tmp_path: Path) -> None:
    layout = small_layout(1500, 1500)
    pixels = random_pixels(layout)
    create_store(tmp_path / "killed", layout)
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / "killed")])
    first = tmp_path / "killed" / "0" / "c" / "0" / "1" / "1"
    deadline = time.monotonic() + 60
    while not first.exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert first.exists()
    first.write_bytes(first.read_bytes()[:100])  # worse than what it can leave: a file cut short
    for index in layout.shards:
        write_shard(tmp_path / "killed", layout, index, pixels[layout.shard_region(index).slices])
    whole = contents(write_slide(tmp_path / "whole", layout, pixels))
    after = {name: data for name, data in contents(tmp_path / "killed").items() if ".partial" not in name}
    assert after == {name: whole[name] for name in after}


def test_pixels_that_are_not_those_of_the_shard_are_refused(tmp_path: Path) -> None:
    layout = small_layout(300, 300)
    create_store(tmp_path, layout)
    for pixels in (np.zeros((256, 256, 3), np.uint8), np.zeros((44, 44, 3), np.float32)):
        with pytest.raises(ValueError, match=r"shard 1, 1 takes uint8 of \(44, 44, 3\)"):
            write_shard(tmp_path, layout, ShardIndex(1, 1), pixels)


@pytest.mark.parametrize("version", VERSIONS)
def test_regions_are_read_back(tmp_path: Path, version: Version) -> None:
    layout = small_layout(301, 515, version)
    pixels = random_pixels(layout)
    write_slide(tmp_path, layout, pixels)
    place = Region(37, 200, 264, 300)
    assert np.array_equal(read_level(tmp_path, 0, place), pixels[place.slices])


def test_creating_again_replaces_what_an_earlier_run_began(tmp_path: Path) -> None:
    old = small_layout(600, 600, "0.4")
    write_slide(tmp_path, old, random_pixels(old))
    layout = small_layout(300, 300)
    create_store(tmp_path, layout)
    assert not (tmp_path / "0" / ".zarray").exists()
    assert not read_level(tmp_path, 0, Region(0, 0, 300, 300)).any()
