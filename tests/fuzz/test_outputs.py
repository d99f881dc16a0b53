"""Mutated outputs, as `report`, `verify` and `compare` read them back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.conftest import QUICK
from tests.fuzz.mutations import changed_bytes, changed_json
from tests.fuzz.test_slides import refused_at_most
from wsi_refocus.ngff.tables import QUALITY_TABLE
from wsi_refocus.report.compare import compare
from wsi_refocus.report.page import write_report
from wsi_refocus.verification.verify import verify_output

pytestmark = pytest.mark.faults

DOCUMENTS = ("zarr.json", "0/zarr.json", "quality/zarr.json", "run.json", "checksums.json")


@pytest.fixture
def output(small_output: Path, tmp_path: Path) -> Path:
    """A copy that a test may break."""
    return Path(shutil.copytree(small_output, tmp_path / "out.ome.zarr"))


def damaged(sound: bytes, suffix: str) -> st.SearchStrategy[bytes]:
    """A JSON document with another value, or a table with other bytes."""
    if suffix == ".json":
        return changed_json(json.loads(sound)).map(json.dumps).map(str.encode)
    return changed_bytes(sound)


@pytest.mark.parametrize("name", [*DOCUMENTS, QUALITY_TABLE])
def test_verify(name: str, output: Path) -> None:
    file = output / name
    sound = file.read_bytes()
    assert verify_output(output, tiles=1).findings == ()

    @settings(QUICK, max_examples=6)
    @given(damaged(sound, file.suffix))
    def verify_one(content: bytes) -> None:
        file.write_bytes(content)
        with refused_at_most():
            result = verify_output(output, tiles=1)
            assert result.findings or file.read_bytes() == sound or name == "checksums.json"

    verify_one()


@pytest.mark.parametrize("name", ["zarr.json", "run.json", QUALITY_TABLE])
@pytest.mark.parametrize("command", ["report", "compare"])
def test_pages(command: str, name: str, output: Path, small_output: Path, tmp_path: Path) -> None:
    file = output / name
    sound = file.read_bytes()

    @settings(QUICK, max_examples=2)
    @given(damaged(sound, file.suffix))
    def make_one(content: bytes) -> None:
        file.write_bytes(content)
        with refused_at_most():
            if command == "report":
                write_report(output, tmp_path / "page.html")
            else:
                compare(output, small_output, tmp_path / "page.html")

    make_one()


@pytest.mark.parametrize("folder", ["../secret", "/etc", "a/../../secret"])
def test_images_outside_of_an_output_are_not_looked_at(folder: str, output: Path) -> None:
    document = json.loads((output / "zarr.json").read_text())
    document["attributes"]["wsi_refocus"]["slide"]["phase"] = folder
    shutil.copytree(output, output.parent / "secret")
    (output / "zarr.json").write_text(json.dumps(document))
    said = [finding.problem for finding in verify_output(output, tiles=1).findings]
    assert any("lies outside of the output" in problem for problem in said), said
