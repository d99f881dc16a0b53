"""What a judged run writes: decisions by policy, measures of the pixels that are there, and where they come from."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import wsi_refocus
from tests.pipeline.conftest import Judged
from tests.pipeline.judged import LIMITS, SIZE, TINTED, Image, options, write_slide
from tests.pipeline.outputs import array_files, whole
from tests.support.two_shot import tissue
from tests.trust.evidence import ANYTHING
from wsi_refocus.geometry import Region
from wsi_refocus.network.checkpoint import checkpoint_sha256
from wsi_refocus.optics.scanner import Acquisition, acquire
from wsi_refocus.pipeline.planes import OpenPlanes
from wsi_refocus.pipeline.record import RunRecord
from wsi_refocus.pipeline.refocus import refocus_slide
from wsi_refocus.quality.fidelity import psnr, ssim
from wsi_refocus.quality.focus import brenner_gradient
from wsi_refocus.quality.record import COLUMNS
from wsi_refocus.tiling.grid import CELL
from wsi_refocus.trust.bound import ErrorBound
from wsi_refocus.trust.limits import Limits
from wsi_refocus.trust.verdict import IN_FOCUS

ALWAYS = ("z_first_um", "z_second_um", "drift_um", "spacing_um", "chi2_first", "chi2_second", "unvouched",
          "haematoxylin_change", "eosin_change", "shots_in_common", "noise_in_common", "change")  # fmt: skip
BY_NETWORKS = ("disagreement", "network_disagreement", "network_agreement")
BY_CALIBRATION = ("psnr_predicted", "psnr_bound", "gain_predicted", "gain_bound")


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small slide whose second shot is in focus."""
    shots = acquire(tissue(400, seed=3), 0.5, Acquisition(drift_um=0.75, electrons=60_000))
    return write_slide(tmp_path_factory.mktemp("simulated") / "simulated.ome.tiff", (shots.first, shots.second))


def _place(row: Mapping[str, Any]) -> Region:
    return Region(*(int(row[name]) for name in ("y", "x", "height", "width")))


def test_everything_that_was_measured_is_in_the_table(judged: Judged) -> None:
    table = wsi_refocus.read_quality(judged.summary.output)
    assert list(table.columns) == list(COLUMNS)
    assert np.isfinite(table[list(ALWAYS)].to_numpy()).all()
    assert table[list(BY_NETWORKS + BY_CALIBRATION)].isna().all(axis=None)
    assert (table["change"] > 0).all() and table["unvouched"].between(0, 1).all()


def test_the_focus_of_the_output_is_measured_on_its_pixels(judged: Judged) -> None:
    """Also where it was mended after it had been measured."""
    for _, row in wsi_refocus.read_quality(judged.summary.output).iterrows():
        place = _place(row).slices
        assert row["brenner_output"] == pytest.approx(brenner_gradient(judged.pixels[place]), rel=1e-12)


def _record(output: str) -> RunRecord:
    return RunRecord.from_json(json.loads((Path(output) / "run.json").read_text()))


def test_with_a_reference_mended_cells_are_compared_as_they_are(tinted: Path, tmp_path: Path) -> None:
    """One row of cells, and the last before the border of the first shard is kept."""
    row = (3 * CELL, 0, CELL, SIZE.width)
    summary = refocus_slide(tinted, output=tmp_path / "o.ome.zarr", **options(reference="plane:0", region=row))
    table, made = wsi_refocus.read_quality(summary.output), whole(summary)
    assert list(table["decision"]) == ["refocused"] * 3 + ["kept", "refocused"]
    with OpenPlanes(_record(summary.output)) as planes:
        truth = planes.truth(Region(0, 0, *summary.shape))
    assert truth is not None
    for _, cell in table.iterrows():
        place = _place(cell).slices
        assert cell["psnr_output"] == pytest.approx(psnr(made[place], truth[place]), rel=1e-12)
        assert cell["ssim_output"] == pytest.approx(ssim(made[place], truth[place]), rel=1e-12)


def test_flagging_writes_refocused_pixels_and_marks_them(
    tinted: Path, judged: Judged, refocused: Image, tmp_path: Path
) -> None:
    summary = refocus_slide(tinted, output=tmp_path / "o.ome.zarr", **options(policy="flag"))
    assert np.array_equal(whole(summary), refocused)
    table, kept = (wsi_refocus.read_quality(each) for each in (summary.output, judged.summary.output))
    marked = table[table["decision"] == "flagged"]
    assert {(row["iy"], row["ix"]) for _, row in marked.iterrows()} == {tuple(cell) for cell in TINTED}
    assert set(marked["written"]) == {"refocused"} and marked["reason"].str.contains("colours changed").all()
    assert np.array_equal(table[list(ALWAYS)], kept[list(ALWAYS)])
    assert wsi_refocus.read_provenance(summary.output)["trust"]["policy"] == "flag"


def test_off_measures_nothing_and_says_so(tinted: Path, tmp_path: Path) -> None:
    summary = refocus_slide(tinted, output=tmp_path / "o.ome.zarr", **options(policy="off"))
    table = wsi_refocus.read_quality(summary.output)
    assert table[list(ALWAYS + BY_NETWORKS + BY_CALIBRATION)].isna().all(axis=None)
    assert set(table["decision"]) == {"refocused"} and set(table["written"]) == {"refocused"}
    trust = wsi_refocus.read_provenance(summary.output)["trust"]
    assert (trust["policy"], trust["limits"], trust["calibration"]) == ("off", None, None)
    assert "not judged" in trust["calibration_note"]


def test_provenance_says_how_tiles_were_judged(judged: Judged) -> None:
    trust = wsi_refocus.read_provenance(judged.summary.output)["trust"]
    assert (trust["policy"], trust["uncertainty"], trust["calibration"]) == ("keep-sharper", "subset", None)
    assert trust["limits"] == Limits().changed(LIMITS).to_json()
    assert "mean has no weights" in trust["calibration_note"]


def test_both_shots_can_be_opened_again_by_the_record_in_the_output(judged: Judged) -> None:
    stored = json.loads((Path(judged.summary.output) / "run.json").read_text())
    record = RunRecord.from_json(stored)
    assert record.layout.size == SIZE and record.trust is not None and record.trust.policy == "keep-sharper"
    assert json.loads(json.dumps(record.to_json())) == stored
    place = Region(700, 600, 300, 200)
    with OpenPlanes(record) as planes:
        first, second = planes.shots(place)
    assert np.array_equal(first, judged.shots[0][place.slices])
    assert np.array_equal(second, judged.shots[1][place.slices])


def test_a_slide_that_is_in_focus_is_given_back_unchanged(simulated: Path, tmp_path: Path) -> None:
    limits = {"in_focus_um": 0.6, "in_focus_change": 30.0}
    summary = refocus_slide(simulated, output=tmp_path / "o.ome.zarr", **options(limits=limits))
    table = wsi_refocus.read_quality(summary.output)
    assert list(table["decision"]) == ["kept"] and list(table["reason"]) == [IN_FOCUS]
    assert table["sharper"][0] == 1
    sharpest = refocus_slide(simulated, output=tmp_path / "s.ome.zarr", method="sharpest", workers=0)
    assert np.array_equal(whole(summary), whole(sharpest))
    away = refocus_slide(simulated, output=tmp_path / "a.ome.zarr", **options(limits=limits | {"in_focus_um": 0.0}))
    assert list(wsi_refocus.read_quality(away.output)["decision"]) == ["refocused"]
    assert not np.array_equal(whole(away), whole(sharpest))


def test_a_method_that_gives_back_a_shot_is_not_judged(simulated: Path, tmp_path: Path) -> None:
    summary = refocus_slide(simulated, output=tmp_path / "o.ome.zarr", method="sharpest", workers=0)
    table = wsi_refocus.read_quality(summary.output)
    assert table[list(ALWAYS)].isna().all(axis=None)
    assert set(table["written"]) == {"sharper shot"}
    assert "sharpest" in wsi_refocus.read_provenance(summary.output)["trust"]["calibration_note"]


def _bound(path: Path, weights_sha256: str | None, gain: float) -> None:
    """A bound that says the same of every tile."""
    mean = np.zeros((4, 2))
    mean[0] = 30.0, gain
    spread = np.zeros((4, 2))
    facts = {"checkpoint_sha256": weights_sha256, "coverage": 0.9, "tiles": 77}
    ErrorBound(
        ("mpp", "offset"), np.zeros(2), np.ones(2), np.zeros((3, 1)), mean, spread, (1.0, 2.0), facts
    ).write(path)  # fmt: skip


def _own(weights: Path, folder: Path) -> Path:
    copy = folder / "own.safetensors"
    copy.write_bytes(weights.read_bytes())
    return copy


@pytest.mark.parametrize(("gain", "decision"), [(5.0, "refocused"), (0.5, "kept")])
def test_the_bound_of_the_weights_decides(
    simulated: Path, weights: Path, tmp_path: Path, gain: float, decision: str
) -> None:
    own = _own(weights, tmp_path)
    _bound(tmp_path / "own.bound", checkpoint_sha256(own), gain)
    limits = ANYTHING | {"gain_bound": 0.0}
    summary = refocus_slide(
        simulated, output=tmp_path / "o.ome.zarr", checkpoint=str(own), workers=0, limits=limits
    )  # fmt: skip
    row = wsi_refocus.read_quality(summary.output).iloc[0]
    assert (row["gain_predicted"], row["gain_bound"]) == (gain, gain - 2.0)
    assert (row["psnr_predicted"], row["psnr_bound"]) == (30.0, 29.0)
    assert row["decision"] == decision
    assert ("-1.50 dB" in row["reason"]) == (decision == "kept")
    assert math.isfinite(row["disagreement"]) and math.isfinite(row["network_disagreement"])
    trust = wsi_refocus.read_provenance(summary.output)["trust"]
    assert trust["calibration"]["coverage"] == 0.9 and trust["calibration"]["tiles"] == 77
    assert trust["calibration"]["sha256"] == ErrorBound.read(tmp_path / "own.bound").sha256
    assert trust["calibration_note"] == ""


@pytest.mark.parametrize("bound", ["none", "of other weights"])
def test_without_a_bound_of_the_weights_tiles_are_judged_by_the_evidence_and_that_is_said(
    simulated: Path, weights: Path, tmp_path: Path, bound: str, caplog: pytest.LogCaptureFixture
) -> None:
    own = _own(weights, tmp_path)
    if bound == "of other weights":
        _bound(tmp_path / "own.bound", "0" * 64, -99.0)
    summary = refocus_slide(simulated, output=tmp_path / "o.ome.zarr", checkpoint=str(own), workers=0)
    table = wsi_refocus.read_quality(summary.output)
    assert table[list(BY_CALIBRATION)].isna().all(axis=None) and table["chi2_first"].notna().all()
    trust = wsi_refocus.read_provenance(summary.output)["trust"]
    assert trust["calibration"] is None
    assert ("other weights" if bound != "none" else "no calibrated bound") in trust["calibration_note"]
    assert trust["calibration_note"] in caplog.text


def test_another_policy_does_not_continue_an_unfinished_run(
    tinted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wsi_refocus.errors import OutputError
    from wsi_refocus.pipeline import refocus

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(refocus, "_make_shards", interrupted)
        with pytest.raises(KeyboardInterrupt):
            refocus_slide(tinted, output=tmp_path / "o.ome.zarr", **options())
    for other in (options(policy="flag"), options(limits={}), options(uncertainty="full")):
        with pytest.raises(OutputError, match="--overwrite"):
            refocus_slide(tinted, output=tmp_path / "o.ome.zarr", **other)


def test_networks_say_the_same_in_any_process(simulated: Path, weights: Path, tmp_path: Path) -> None:
    """Of a tile of 256 pixels, to the last bit."""
    how = {"checkpoint": str(weights), "uncertainty": "full", "region": (60, 60, 256, 256), "limits": LIMITS}
    here = refocus_slide(simulated, output=tmp_path / "0.ome.zarr", workers=0, threads=2, **how)
    there = refocus_slide(simulated, output=tmp_path / "1.ome.zarr", workers=1, threads=1, **how)
    one, two = (wsi_refocus.read_quality(each.output) for each in (here, there))
    assert np.isfinite(one[list(ALWAYS + BY_NETWORKS)].to_numpy()).all()
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    assert array_files(here.output) == array_files(there.output)
