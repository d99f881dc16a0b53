"""An output as it was written is sound; every damage is found, and named by file and check."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.verify.damage import edit_pixels, edit_root, edit_table, flip, make_older, root_of, shard, vouch
from wsi_refocus.errors import OutputError
from wsi_refocus.ngff.checksums import CHECKSUMS, file_checksum
from wsi_refocus.ngff.metadata import read_provenance
from wsi_refocus.ngff.tables import QUALITY_TABLE, read_quality
from wsi_refocus.pipeline.progress import Silence
from wsi_refocus.verification.decisions import decision_problems
from wsi_refocus.verification.findings import Verification
from wsi_refocus.verification.origin import check_provenance
from wsi_refocus.verification.subject import Subject
from wsi_refocus.verification.table import check_table
from wsi_refocus.verification.verify import verify_output


def found(output: Path, **options: Any) -> set[tuple[str, str]]:
    """Check and file of everything that is wrong."""
    return {(finding.check, finding.file) for finding in verify_output(output, **options).findings}


def problems(output: Path, check: str) -> list[str]:
    return [finding.problem for finding in verify_output(output).findings if finding.check == check]


def subject(output: Path) -> Subject:
    """For what one check alone says."""
    return Subject.look(output, read_provenance(output), None, 0, Silence())


def states(verification: Verification) -> dict[str, str]:
    return {check.name: check.state for check in verification.checks}


def name(output: Path, file: Path) -> str:
    return file.relative_to(output).as_posix()


def test_an_output_as_it_was_written_is_sound(whole_output: Path) -> None:
    result = verify_output(whole_output, tiles=None)
    assert result.findings == ()
    assert set(states(result).values()) == {"sound"} and len(result.checks) == 7
    assert all(check.examined == check.total > 0 for check in result.checks)
    assert result.digest == file_checksum(whole_output / CHECKSUMS).hash
    assert json.loads(json.dumps(result.to_json()))["sound"] is True
    assert result.to_text().endswith(f"Sound: {whole_output}")


@pytest.mark.parametrize("file", ["shard", "phase", "table", "quality image", "preview", "OME-XML", "array metadata"])
def test_a_flipped_bit_is_found_in_every_kind_of_file(output: Path, file: str) -> None:
    metadata = next(output / "1" / each for each in ("zarr.json", ".zarray") if (output / "1" / each).is_file())
    quality = next(each for each in (output / "quality" / "0").rglob("0") if each.is_file())
    broken = {
        "shard": shard(output, "0", 0, 0),
        "phase": shard(output, "phase/0", 1, 0),
        "table": output / QUALITY_TABLE,
        "quality image": quality,
        "preview": output / "preview.png",
        "OME-XML": output / "OME" / "METADATA.ome.xml",
        "array metadata": metadata,
    }[file]
    flip(broken)
    assert ("checksums", name(output, broken)) in found(output)


@pytest.mark.parametrize("level", ["0", "1", "3", "phase/2"])
def test_a_missing_shard_is_named_once_by_each_check_that_needs_it(output: Path, level: str) -> None:
    gone = shard(output, level, 0, 0)
    gone.unlink()
    assert found(output, tiles=None) == {("checksums", name(output, gone)), ("shards", name(output, gone))}


def test_a_shard_that_was_cut_short_cannot_be_decoded(output: Path) -> None:
    file = shard(output, "0", 0, 0)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    assert {("checksums", name(output, file)), ("shards", name(output, file))} <= found(output)
    assert all("cannot be decoded" in problem and "\n" not in problem for problem in problems(output, "shards"))


def test_a_level_without_metadata_is_named(output: Path) -> None:
    for each in ("zarr.json", ".zarray"):
        (output / "2" / each).unlink(missing_ok=True)
    result = verify_output(output)
    assert ("shards", ".") in {(finding.check, finding.file) for finding in result.findings}
    assert "level 2" in next(finding.problem for finding in result.findings if finding.check == "shards")
    assert states(result)["tile measures"] == "skipped"
    assert states(result)["provenance"] == "sound"


def test_an_edited_table_is_found_three_times(output: Path) -> None:
    def sharpen(table: pd.DataFrame) -> None:
        table.loc[(table["iy"] == 3) & (table["ix"] == 1), "brenner_output"] *= 1.01

    edit_table(output, sharpen)
    wrong = {check for check, file in found(output) if file == QUALITY_TABLE}
    assert wrong == {"checksums", "tile measures", "quality image"}
    for check in ("tile measures", "quality image"):
        assert ["cell 3,1:" in problem and "brenner_output" in problem for problem in problems(output, check)] == [True]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda table: table.drop(index=4), "cell 1,1: has no row"),
        (lambda table: pd.concat([table, table.iloc[[4]]]), "cell 1,1: has several rows"),
        (lambda table: table.assign(y=table["y"].where(table["iy"] != 2, 0)), "cell 2,0, 2,1, 2,2: has the y"),
        (lambda table: table.assign(iy=table["iy"].where(table.index != 14, 9)), "cell 9,2: lies outside"),
        (lambda table: table.assign(decision="background"), "it is background, and holds tissue"),
        (lambda table: table.assign(decision="refocused"), "it holds no tissue, and is not background"),
        (lambda table: table.assign(decision="sharpened"), "its decision is none of refocused, kept"),
        (lambda table: table.assign(reason=""), "no reason is given"),
        (lambda table: table.assign(reason="why not"), "a reason against it is given"),
        (lambda table: table.assign(sharper=5), "its sharper plane is none of [0, 1]"),
        (lambda table: table.assign(written="sharper shot"), "captured pixels are said to be written"),
        (lambda table: table.assign(written="refocused"), "refocused pixels are said to be written"),
        (lambda table: table.assign(written="something"), "what was written is none of"),
        (lambda table: table.assign(gain_bound=1.0, gain_predicted=np.nan), "gain_bound has no gain_predicted"),
    ],
)
def test_a_table_that_contradicts_itself_is_found(output: Path, change: Any, says: str) -> None:
    edit_table(output, change)
    found_here = [finding.problem for finding in check_table(subject(output))[0].findings]
    assert any(says in problem for problem in found_here), found_here


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("gain_bound", -1.5, "its gain_bound is below the least that the run allowed, -1"),
        ("psnr_bound", 9.0, "its psnr_bound is below"),
        ("chi2_second", 99.0, "its chi2_second is above the most that the run allowed, 60"),
        ("drift_um", -5.0, "its drift_um is above"),
        ("haematoxylin_change", 0.5, "its haematoxylin_change is above"),
        ("gain_bound", -1.0, ""),
        ("gain_bound", math.nan, ""),
    ],
)
def test_a_tile_that_breaks_a_limit_must_not_be_called_refocused(
    output: Path, column: str, value: float, says: str
) -> None:
    limits = {"gain_bound": -1.0, "psnr_bound": 10.0, "chi2": 60.0, "drift_um": 3.5, "stain_change": 0.02}
    edit_root(output, lambda provenance: provenance.update(trust={"policy": "keep-sharper", "limits": limits}))
    table = read_quality(output)
    refocused = table["decision"] == "refocused"
    table[column] = np.where(refocused, value, -99.0)
    table[["gain_predicted", "psnr_predicted"]] = 1.0
    broken = [problem for problem in decision_problems(table, read_provenance(output)) if "allowed" in problem]
    first = table[refocused].iloc[0]
    assert len(broken) == (1 if says else 0)
    if says:
        assert broken[0].startswith(f"cell {first['iy']},{first['ix']}, ") and says in broken[0]


def test_a_change_that_new_checksums_cover_up_is_found(output: Path) -> None:
    edit_table(output, lambda table: table.assign(brenner_output=table["brenner_output"] + 0.01))
    vouch(output)
    assert {check for check, _ in found(output)} == {"tile measures", "quality image"}


def test_a_table_without_a_column_and_no_table_at_all(output: Path) -> None:
    edit_table(output, lambda table: table.drop(columns=["brenner_output"]))
    assert problems(output, "quality table") == ["has no column brenner_output"]
    (output / QUALITY_TABLE).unlink()
    assert {("quality table", QUALITY_TABLE), ("provenance", QUALITY_TABLE)} <= found(output)


def test_pixels_that_were_retouched_are_found_without_checksums(output: Path) -> None:
    """At level 0 the table and the coarser level speak against it; at a coarser one its neighbours do."""
    make_older(output)
    edit_pixels(output, "0", 1800, 700)
    assert {check for check, _ in found(output, tiles=None)} == {"pyramid", "tile measures"}
    (problem,) = problems(output, "tile measures")
    assert (
        problem.startswith("cell 3,1: brenner_output is") and name(output, shard(output, "0", *_of(output))) in problem
    )


def _of(output: Path) -> tuple[int, int]:
    return (0, 0) if root_of(output).name == "zarr.json" else (3, 1)


@pytest.mark.parametrize("level", ["2", "3", "phase/1"])
def test_a_coarse_level_of_something_else_is_found(output: Path, level: str) -> None:
    make_older(output)
    edit_pixels(output, level, 40, 50)
    wrong = found(output, tiles=1)
    assert ("pyramid", name(output, shard(output, level, 0, 0))) in wrong
    assert {check for check, _ in wrong} == {"pyramid"}


def test_older_outputs_are_checked_without_checksums(output: Path) -> None:
    make_older(output)
    result = verify_output(output)
    assert result.sound and result.digest is None
    assert states(result).pop("checksums") == "skipped"
    assert "wrote no checksums" in result.to_text() and "not checked: checksums" in result.to_text()


def test_checksums_that_got_lost_are_missed(output: Path) -> None:
    (output / CHECKSUMS).unlink()
    assert ("checksums", CHECKSUMS) in found(output)
    (output / CHECKSUMS).write_text("{ cut sho")
    assert ("checksums", CHECKSUMS) in found(output)


def test_changed_checksums_are_named_beside_the_file_that_they_accuse(output: Path) -> None:
    document = json.loads((output / CHECKSUMS).read_text())
    document["files"]["preview.png"]["hash"] = "0" * 64
    (output / CHECKSUMS).write_text(json.dumps(document))
    assert found(output, tiles=1) == {("checksums", CHECKSUMS), ("checksums", "preview.png")}


def test_files_that_were_put_in_are_told_and_are_no_fault(output: Path) -> None:
    (output / "notes.txt").write_text("looked at on Monday")
    (output / "report").mkdir()
    (output / "report" / "index.html").write_text("made again")
    result = verify_output(output)
    assert result.sound
    (note,) = next(check.notes for check in result.checks if check.name == "checksums")
    assert note.endswith("have no checksum: notes.txt")


@pytest.mark.parametrize(
    "gap",
    ["statement", "version", "source", "planes", "method", "settings", "versions", "finished", "slide",
     "source.fingerprints", "planes.indices", "method.name", "alignment.shift_px"],
)  # fmt: skip
def test_a_gap_in_the_provenance_is_named(output: Path, gap: str) -> None:
    def cut(provenance: dict[str, Any]) -> None:
        *outer, last = gap.split(".")
        (provenance[outer[0]] if outer else provenance).pop(last)

    edit_root(output, cut)
    root = root_of(output).name
    gaps = [(finding.file, finding.problem) for finding in check_provenance(subject(output), root).findings]
    assert (root, f"its attribute wsi_refocus.{gap} is missing or empty") in gaps


def test_a_record_of_another_run_is_found(output: Path) -> None:
    (output / "run.json").write_text(json.dumps({"layout": {"size": [10, 1100]}, "planes": [0, 2]}))
    said = problems(output, "provenance")
    assert any("10 × 1100 pixels" in problem for problem in said)
    assert any("[0, 2]" in problem for problem in said)
    (output / "run.json").write_text("{ cut sho")
    assert any("cannot be read" in problem for problem in problems(output, "provenance"))


def test_a_damaged_root_is_named_and_an_unfinished_run_is_none(output: Path) -> None:
    root = root_of(output)
    flip(root, 0.0)
    result = verify_output(output)
    assert {("checksums", root.name), ("provenance", root.name)} == {
        (each.check, each.file) for each in result.findings
    }
    assert states(result)["shards"] == "skipped"
    (output / ".wsi-refocus").mkdir()
    with pytest.raises(OutputError, match="finish it with"):
        verify_output(output)
    with pytest.raises(OutputError, match="no such folder"):
        verify_output(output / "absent")


def test_all_findings_are_listed(output: Path) -> None:
    flip(shard(output, "0", 0, 0))
    shard(output, "phase/1", 0, 0).unlink()
    edit_table(output, lambda table: table.assign(reason="why not"))
    edit_root(output, lambda provenance: provenance.pop("version"))
    result = verify_output(output)
    files = {finding.file for finding in result.findings if finding.check == "checksums"}
    assert files == {
        name(output, shard(output, "0", 0, 0)), name(output, shard(output, "phase/1", 0, 0)),
        QUALITY_TABLE, root_of(output).name,
    }  # fmt: skip
    assert {"checksums", "shards", "quality table", "provenance"} <= {each.check for each in result.findings}
    lines = [line for line in result.to_text().splitlines() if line.startswith("WRONG ")]
    assert len(lines) == len(result.findings)


def test_a_sample_is_the_same_every_time_and_holds_one_of_each_kind(whole_output: Path) -> None:
    amounts = {check.name: (check.examined, check.total) for check in verify_output(whole_output, tiles=2).checks}
    kinds = read_quality(whole_output)["decision"].nunique()
    assert amounts["tile measures"] == (max(2, kinds), 15)
    assert amounts["pyramid"][0] == 6 < amounts["pyramid"][1]  # a region of each coarse level, of the phase, too
    assert amounts["checksums"][0] == amounts["checksums"][1]
