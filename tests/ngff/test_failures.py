import errno
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from tests.ngff.stores import contents, random_pixels, small_layout
from wsi_refocus.errors import OutputError
from wsi_refocus.geometry import Region
from wsi_refocus.ngff.files import explained
from wsi_refocus.ngff.layout import ShardIndex
from wsi_refocus.ngff.metadata import SlideMetadata, finish_store, is_finished
from wsi_refocus.ngff.store import create_store, open_levels, read_level, write_shard
from wsi_refocus.ngff.tables import write_quality, write_quality_csv


@contextmanager
def no_room_for_files_over(size: int) -> Iterator[None]:
    """Let the kernel refuse to write more than ``size`` bytes to any file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_shard_without_room_is_told_in_one_line_and_leaves_no_half_of_it(tmp_path: Path) -> None:
    layout = small_layout(256, 256)
    create_store(tmp_path, layout)
    write_shard(tmp_path, layout, ShardIndex(0, 0), random_pixels(layout))
    before = contents(tmp_path)
    with no_room_for_files_over(10_000), pytest.raises(OutputError, match="no space left") as error:
        write_shard(tmp_path, layout, ShardIndex(0, 0), random_pixels(layout, seed=1))
    assert str(tmp_path) in str(error.value) and "\n" not in str(error.value)
    after = contents(tmp_path)
    assert set(before) - set(after) == {"0/c/0/0/0"}
    assert after == {name: before[name] for name in after}


def test_no_room_for_the_root_document_leaves_nothing_finished(tmp_path: Path) -> None:
    layout = small_layout(64, 64)
    create_store(tmp_path, layout)
    with no_room_for_files_over(100), pytest.raises(OutputError, match="no space left"):
        finish_store(tmp_path, layout, SlideMetadata("slide", layout.mpp), {})
    assert not is_finished(tmp_path)
    assert not list(tmp_path.glob("*.partial")) + list(tmp_path.glob(".*.partial"))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_or_quota_says_what_to_do(code: int) -> None:
    told = pytest.raises(OutputError, match=r"^out: no space left .*free some and run the same command again")
    with told, explained("out"):
        raise OSError(code, "No room")


def test_a_folder_that_cannot_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    frame = pd.DataFrame({"y": [1]})
    for write in (
        lambda: create_store(tmp_path / "file" / "out", small_layout(10, 10)),
        lambda: write_quality(tmp_path / "file" / "out", frame),
        lambda: write_quality_csv(tmp_path / "file" / "table.csv", frame),
    ):
        with pytest.raises(OutputError, match="a file lies where a folder should"):
            write()


def test_arrays_that_are_not_there_are_told_in_one_line(tmp_path: Path) -> None:
    layout = small_layout(10, 10)
    with pytest.raises(OutputError, match="no sound array 0"):
        open_levels(tmp_path / "absent", layout)
    with pytest.raises(OutputError, match="no sound array 0"):
        read_level(tmp_path / "absent too", 0, Region(0, 0, 1, 1))
    assert not (tmp_path / "absent too").exists()
    create_store(tmp_path / "damaged", layout)
    (tmp_path / "damaged" / "0" / "zarr.json").write_text("{ cut sho")
    with pytest.raises(OutputError, match="no sound array 0"):
        read_level(tmp_path / "damaged", 0, Region(0, 0, 1, 1))
