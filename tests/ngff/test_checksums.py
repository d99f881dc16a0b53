import hashlib
import json
import tracemalloc
from pathlib import Path

import pytest

from tests.ngff.stores import contents, random_pixels, small_layout, write_slide
from wsi_refocus.errors import OutputError
from wsi_refocus.ngff.checksums import (
    CHECKSUMS,
    Checksum,
    covered_files,
    file_checksum,
    read_checksums,
    write_checksums,
)
from wsi_refocus.ngff.compressor import Version
from wsi_refocus.ngff.metadata import SlideMetadata, finish_store, read_provenance


def _known(output: Path) -> dict[str, Checksum]:
    checksums = read_checksums(output)
    assert checksums is not None and checksums.intact
    return checksums.files


@pytest.mark.parametrize("version", ["0.5", "0.4"])
def test_every_file_is_covered_the_last_ones_too(tmp_path: Path, version: Version) -> None:
    layout = small_layout(700, 333, version)
    write_slide(tmp_path, layout, random_pixels(layout))
    finish_store(tmp_path, layout, SlideMetadata("µ", layout.mpp, icc_profile=b"profile"), {"statement": "µ"})
    files = contents(tmp_path)
    assert read_provenance(tmp_path)["slide"]["checksums"] == CHECKSUMS
    known = json.loads(files.pop(CHECKSUMS))
    assert known["algorithm"] == "sha256"
    assert known["files"] == {
        name: {"bytes": len(content), "hash": hashlib.sha256(content).hexdigest()} for name, content in files.items()
    }
    roots = {"zarr.json"} if version == "0.5" else {".zgroup", ".zattrs"}
    assert roots <= set(known["files"])
    assert set(_known(tmp_path)) == set(files) == set(covered_files(tmp_path))


def test_journal_report_and_partial_files_are_left_out(tmp_path: Path) -> None:
    for name in (".wsi-refocus/run.json", "report/index.html", "0/c/.0.abc.partial", "0/report/kept", "kept"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    write_checksums(tmp_path, {"last": b"settled"})
    assert set(_known(tmp_path)) == {"kept", "0/report/kept", "last"}


def test_a_file_of_an_earlier_finish_is_not_taken_for_the_last_one(tmp_path: Path) -> None:
    (tmp_path / "zarr.json").write_text("old")
    write_checksums(tmp_path, {"zarr.json": b"newer"})
    (known,) = _known(tmp_path).values()
    assert (known.bytes, known.hash) == (5, hashlib.sha256(b"newer").hexdigest())


def test_a_large_file_is_read_in_pieces(tmp_path: Path) -> None:
    file = tmp_path / "large"
    with file.open("wb") as stream:
        stream.truncate(64 << 20)
    tracemalloc.start()
    try:
        assert file_checksum(file).bytes == 64 << 20
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("content", ["{ cut sho", "[]", '{"files": {}}', '{"algorithm": "md5", "files": {}}'])
def test_damaged_checksums_are_told_in_one_line(tmp_path: Path, content: str) -> None:
    assert read_checksums(tmp_path) is None
    (tmp_path / CHECKSUMS).write_text(content)
    with pytest.raises(OutputError, match="checksums cannot be read") as error:
        read_checksums(tmp_path)
    assert "\n" not in str(error.value)


def test_a_change_of_the_checksums_themselves_shows(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    write_checksums(tmp_path, {})
    document = tmp_path / CHECKSUMS
    known = _known(tmp_path)["kept"].hash
    document.write_text(document.read_text().replace(known, known[::-1]))
    changed = read_checksums(tmp_path)
    assert changed is not None and not changed.intact
