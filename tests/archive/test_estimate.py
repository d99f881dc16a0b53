"""The plan of a batch, against what runs then do."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.two_shot import tissue, two_planes, write_ome_tiff
from wsi_refocus import refocus_slide
from wsi_refocus.archive.entry import Entry
from wsi_refocus.archive.estimate import Estimate, estimate, plan_text, total_seconds
from wsi_refocus.config import RunSettings, make_settings
from wsi_refocus.report.page import write_report

SAMPLE = "sample_slides/cmu-1-two-shot.ome.tiff"
QUICK: dict[str, Any] = {"method": "mean", "workers": 0, "threads": 2}


def settings_of(entry: Entry) -> RunSettings:
    return make_settings(**QUICK | dict(entry.options))


def measured(folder: Path) -> tuple[int, float]:
    write_report(folder)
    files = [path for path in folder.rglob("*") if path.is_file()]
    return len(files), sum(path.stat().st_size for path in files) / 2**20


@pytest.mark.parametrize(
    "options",
    [
        {"region": (0, 0, 2200, 700)},
        {"region": (0, 512, 600, 700), "ngff": "0.4", "policy": "off", "compressor": "blosc:5"},
        {"region": (0, 512, 512, 600), "phase": True, "reference": "sample_slides/cmu-1-truth.ome.tiff"},
    ],
)
def test_files_are_exact_and_bytes_near(options: dict[str, Any], tmp_path: Path) -> None:
    output = tmp_path / "out.ome.zarr"
    (plan,), refused = estimate([Entry(SAMPLE, None, str(output), options)], settings_of)
    assert not refused
    assert not plan.finished
    refocus_slide(SAMPLE, output=output, **QUICK | options)
    files, megabytes = measured(output)
    assert plan.files == files
    assert megabytes / 2 < plan.megabytes < megabytes * 2
    (again,), _ = estimate([Entry(SAMPLE, None, str(output), options)], settings_of)
    assert again.finished
    assert "finished" in plan_text([again], [], [])


def test_associated_images_are_counted(tmp_path: Path) -> None:
    label = tissue((120, 90), seed=5)
    planes = two_planes(tissue((600, 700), seed=3))
    slide = write_ome_tiff(
        tmp_path / "s.ome.tiff", planes, mpp=0.5, associated={"label": label, "macro": label}, icc_profile=b"\0" * 200
    )
    output = tmp_path / "out.ome.zarr"
    (plan,), _ = estimate([Entry(str(slide), None, str(output))], settings_of)
    refocus_slide(slide, output=output, **QUICK)
    assert plan.files == measured(output)[0]
    assert plan.z_um == (-0.75, 0.75)
    assert plan.mpp == 0.5


def test_what_a_run_would_refuse_is_said_at_once(tmp_path: Path) -> None:
    broken = tmp_path / "broken.svs"
    broken.write_bytes(b"II*\0")
    no_mpp = write_ome_tiff(tmp_path / "no-mpp.ome.tiff", two_planes(tissue(300)), mpp=None)
    single = write_ome_tiff(tmp_path / "single.ome.tiff", [tissue(300)], z_um=[0.0])
    entries = [Entry(str(each), None, str(tmp_path / f"{each.name}.zarr")) for each in (broken, no_mpp, single)]
    estimates, refused = estimate(entries, settings_of)
    assert not estimates
    assert [each.names for each in refused] == [(entry.slide,) for entry in entries]
    assert "--mpp" in refused[1].reason
    text = plan_text(estimates, refused, ["notes.txt is no slide"])
    assert "0 slides" in text
    assert text.count("not used: ") == 3
    assert "passed over: notes.txt" in text


def test_slides_in_flight_fill_the_machine(tmp_path: Path) -> None:
    one = Estimate(
        slide="a", second="b", output=str(tmp_path / "o"), finished=False, source_mb=1, height=10, width=10, mpp=0.5,
        z_um=(None, None), planes=(0, 1), tissue_share=1, tiles=1, tiles_with_tissue=1, shards=1, files=10,
        megabytes=2**40, memory_mb=100, slots=4, work_seconds=8, seconds=8,
    )  # fmt: skip
    assert total_seconds([one]) == 8
    assert total_seconds([one] * 8) == 16
    assert total_seconds([]) == 0
    text = plan_text([one], [], [])
    assert "not enough" in text
    assert "a + b" in text
