"""The journal of an unfinished output."""

import multiprocessing
from pathlib import Path

import pytest

from wsi_refocus.errors import OutputError
from wsi_refocus.pipeline.journal import FOLDER, Journal


def test_a_run_is_remembered_and_forgotten(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert not journal.exists
    journal.begin({"identity": "abc"})
    journal.finish_shard(1, 12, [{"iy": 4, "psnr": float("nan")}])
    journal.finish_shard(0, 3, [{"iy": 0, "psnr": 1.0}])
    again = Journal(tmp_path)
    assert again.exists
    assert again.record() == {"identity": "abc"}
    assert again.finished_shards() == {(0, 3), (1, 12)}
    assert [row["iy"] for row in again.cells()] == [0, 4]
    again.remove()
    assert not (tmp_path / FOLDER).exists()


def test_workers_that_multiply_differently_are_remembered_until_the_next_run(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.begin({})
    assert journal.precisions() == []
    for precision in ("float32", "bfloat16", "float32"):
        journal.note_precision(precision)
    assert Journal(tmp_path).precisions() == ["bfloat16", "float32"]
    journal.begin({})
    assert journal.precisions() == []


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.begin({"identity": "abc"})
    (tmp_path / FOLDER / "run.json").write_text("{")
    with pytest.raises(OutputError, match="--overwrite"):
        journal.record()


def test_half_written_files_do_not_count(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.begin({})
    (tmp_path / FOLDER / "shards" / "0_0.json.77.tmp").write_text("[")
    assert journal.finished_shards() == set()


def _hold(folder: str, held: "multiprocessing.synchronize.Event", release: "multiprocessing.synchronize.Event") -> None:
    with Journal(folder).locked():
        held.set()
        release.wait(30)


def test_two_runs_cannot_write_one_output(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    held, release = spawn.Event(), spawn.Event()
    other = spawn.Process(target=_hold, args=(str(tmp_path), held, release))
    other.start()
    assert held.wait(30)
    with pytest.raises(OutputError, match="another run"), Journal(tmp_path).locked():
        pass
    other.kill()
    other.join()
    with Journal(tmp_path).locked():
        pass


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(OutputError, match="file"):
        Journal(blocked).begin({})
