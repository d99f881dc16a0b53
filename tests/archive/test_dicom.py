"""DICOM: many files are one series, two series are two planes; everything else is named and not guessed."""

from pathlib import Path

import pytest

from tests.archive.dicom_files import write_dicom
from tests.support.two_shot import tissue, two_planes
from wsi_refocus import refocus_slide
from wsi_refocus.archive.collect import collect

NEAR, FAR = two_planes(tissue((300, 400), seed=1))


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Two scans of one slide in folders of their own, each with a coarse level and a label."""
    for number, (pixels, z) in enumerate(((NEAR, -0.75), (FAR, 0.75)), start=1):
        folder = tmp_path / f"scan{number}"
        folder.mkdir()
        write_dicom(folder / "9-fine.dcm", pixels, series=f"1.2.{number}", z_um=z)
        write_dicom(folder / "1-coarse.dcm", pixels[::2, ::2].copy(), series=f"1.2.{number}", z_um=z, mpp=1.0)
        write_dicom(folder / "2-label.dcm", pixels[:128, :128].copy(), series=f"1.2.{number}", kind="LABEL")
    return tmp_path


def test_two_series_of_a_slide_are_its_planes(scans: Path) -> None:
    found = collect([str(scans)], output=str(scans / "out"))
    assert not found.refused
    (entry,) = found.entries
    assert (entry.slide, entry.second) == (str(scans / "scan1" / "9-fine.dcm"), str(scans / "scan2" / "9-fine.dcm"))
    assert entry.options == {"z_um": (-0.75, 0.75)}
    assert "DICOM" in entry.origin
    summary = refocus_slide(
        entry.slide, entry.second, scans / "out", method="mean", policy="off", workers=0, threads=1, **entry.options
    )
    assert summary.shape == (300, 400)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"z_um": -0.75}, "same plane"),
        ({"z_um": None}, "one plane"),
        ({"container": "C2", "z_um": 0.75}, "one plane"),
        ({"planes": 3, "z_um": 0.75}, "3 planes"),
        ({"kind": "OVERVIEW"}, "without an image of the specimen"),
    ],
)
def test_what_is_no_pair_is_refused(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    write_dicom(tmp_path / "a.dcm", NEAR, series="1.2.1", z_um=-0.75)
    write_dicom(tmp_path / "b.dcm", FAR, series="1.2.2", **changes)  # type: ignore[arg-type]
    found = collect([str(tmp_path)])
    assert not found.entries
    assert any(said in each.reason for each in found.refused)
    assert {name for each in found.refused for name in each.names} == {str(tmp_path / f"{name}.dcm") for name in "ab"}


def test_a_broken_header_is_left_to_the_run(tmp_path: Path) -> None:
    (tmp_path / "x.dcm").write_bytes(b"no DICOM")
    (entry,) = collect([str(tmp_path)]).entries
    assert "could not be looked into" in entry.origin


def test_other_dicom_is_no_slide(tmp_path: Path) -> None:
    file = write_dicom(tmp_path / "x.dcm", NEAR, series="1.2.1")
    file.write_bytes(file.read_bytes().replace(b"1.2.840.10008.5.1.4.1.1.77.1.6", b"1.2.840.10008.5.1.4.1.1.77.1.4"))
    assert "another kind (SM)" in collect([str(tmp_path)]).refused[0].reason
