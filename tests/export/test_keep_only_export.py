"""An export instead of the OME-Zarr: nothing is removed before all that is worth keeping is safe."""

from pathlib import Path

import pandas as pd
import pytest

from wsi_refocus.errors import OutputError
from wsi_refocus.ngff.metadata import is_finished
from wsi_refocus.ngff.tables import read_quality
from wsi_refocus.pipeline.export import export_output, keep_only_export

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("compression", ["jpeg", "deflate"])
def test_table_and_report_move_beside_the_export(output: Path, compression: str) -> None:
    rows, page = read_quality(output), (output / "report/index.html").read_bytes()
    file = export_output(output, compression=compression)  # type: ignore[arg-type]
    kept = keep_only_export(output, file)
    assert sorted(path.name for path in output.parent.iterdir()) == [
        "case.ome.tiff",
        "case.quality.parquet",
        "case.report.html",
    ]
    assert kept.report is not None
    assert kept.report.read_bytes() == page
    pd.testing.assert_frame_equal(pd.read_parquet(kept.quality), rows, check_like=True)


def test_an_output_without_report_keeps_its_table(output: Path) -> None:
    (output / "report/index.html").unlink()
    kept = keep_only_export(output, export_output(output))
    assert kept.report is None
    assert kept.quality.is_file()


def test_a_damaged_export_keeps_the_output(output: Path) -> None:
    file = export_output(output)
    content = bytearray(file.read_bytes())
    content[len(content) // 3 : len(content) // 2] = bytes(len(content) // 2 - len(content) // 3)
    file.write_bytes(content)
    with pytest.raises(OutputError):
        keep_only_export(output, file)
    assert is_finished(output)


def test_an_export_of_another_output_keeps_the_output(output: Path, tmp_path: Path) -> None:
    file = export_output(output, tmp_path / "other.tif")
    root = next(path for path in (output / "zarr.json", output / ".zattrs") if path.is_file())
    root.write_text(root.read_text().replace('"seconds":', '"seconds_of_another":'))
    with pytest.raises(OutputError, match="another output"):
        keep_only_export(output, file)
    assert is_finished(output)


def test_what_is_no_export_keeps_the_output(output: Path, tmp_path: Path) -> None:
    file = tmp_path / "other.tif"
    file.write_bytes(b"II+\0 no TIFF")
    with pytest.raises(OutputError, match="nothing is removed"):
        keep_only_export(output, file)
    assert is_finished(output)
