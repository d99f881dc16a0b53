"""The ledger: records that are only ever added to."""

import json
from pathlib import Path

import pytest

from wsi_refocus.archive.entry import Entry
from wsi_refocus.archive.ledger import Ledger
from wsi_refocus.errors import OutputError

ENTRY = Entry("a.ome.tiff", None, "a.refocused.ome.zarr", {"mpp": 0.5}, "named")


def test_a_slide_goes_from_waiting_to_done(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.add([ENTRY])
    assert ledger.record(ENTRY.key).state == "waiting"

    assert ledger.begin(ENTRY.key, 1, {"host": "here", "task": [1]})
    assert ledger.record(ENTRY.key).state == "running"
    ledger.end(ENTRY.key, 1, "failed", error="no mpp")
    assert (ledger.record(ENTRY.key).state, ledger.record(ENTRY.key).error) == ("failed", "no mpp")

    assert ledger.begin(ENTRY.key, 2, {"host": "there", "task": [1]})
    ledger.end(ENTRY.key, 2, "done", result={"output": "o"})
    again = Ledger(tmp_path).record(ENTRY.key)
    assert again.state == "done"
    assert again.result == {"output": "o"}
    assert again.entry["options"] == {"mpp": 0.5}
    assert [each.number for each in again.tries] == [1, 2]


def test_names_need_not_be_utf8(tmp_path: Path) -> None:
    entry = Entry("scan-\udcff.svs", None, "out", {}, "named")
    ledger = Ledger(tmp_path)
    ledger.add([entry])
    assert ledger.record(entry.key).entry["slide"] == entry.slide


def test_one_of_two_gets_a_try(tmp_path: Path) -> None:
    ledger, other = Ledger(tmp_path), Ledger(tmp_path)
    ledger.add([ENTRY])
    assert [ledger.begin(ENTRY.key, 1, {}), other.begin(ENTRY.key, 1, {})] == [True, False]


def test_who_comes_late_with_an_old_number_does_not_get_the_slide(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.add([ENTRY])
    ledger.begin(ENTRY.key, 2, {})
    assert not ledger.begin(ENTRY.key, 1, {})


def test_failures_count_only_for_the_file_as_it_is(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.add([ENTRY])
    for number, source in enumerate(([1], [1], [2]), start=1):
        ledger.begin(ENTRY.key, number, {"task": source})
        ledger.end(ENTRY.key, number, "failed", error="broken")
    record = ledger.record(ENTRY.key)
    assert [record.failures([1]), record.failures([2]), record.failures([3])] == [2, 1, 0]


@pytest.mark.parametrize("content", ["", "{", "[]"])
def test_a_record_that_a_crash_cut_off_is_a_try_without_an_end(tmp_path: Path, content: str) -> None:
    ledger = Ledger(tmp_path)
    ledger.add([ENTRY])
    ledger.begin(ENTRY.key, 1, {})
    folder = tmp_path / "slides" / ENTRY.key
    (folder / "1.try.json").write_text(content)
    (folder / "1.end.json").write_text(content)
    assert ledger.record(ENTRY.key).state == "running"


@pytest.mark.parametrize("found", [{"format": 0, "version": "0.0.1"}, {"format": 2, "version": "9.0"}, {}])
def test_a_ledger_of_another_format_is_refused_and_left_alone(tmp_path: Path, found: dict[str, object]) -> None:
    document = tmp_path / "ledger.json"
    document.write_text(json.dumps(found))
    with pytest.raises(OutputError, match="name a new one with --ledger"):
        Ledger(tmp_path)
    assert json.loads(document.read_text()) == found
