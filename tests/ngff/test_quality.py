import math
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import zarr
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader
from ome_zarr_models.v04.image import Image as Image04
from ome_zarr_models.v05.image import Image as Image05

from tests.ngff.stores import small_layout
from wsi_refocus.errors import OutputError
from wsi_refocus.ngff.compressor import Version
from wsi_refocus.ngff.layout import StoreLayout
from wsi_refocus.ngff.quality_image import NOT_MEASURED, read_quality_image, write_quality_image
from wsi_refocus.ngff.tables import read_quality, write_quality, write_quality_csv

CELL = 16
COLUMNS = {"brenner_output": ("grey levels²", "mean Brenner gradient"), "y": ("px", "first row")}


def quality_of(layout: StoreLayout) -> pd.DataFrame:
    rows = []
    for y in range(0, layout.size.height, CELL):
        for x in range(0, layout.size.width, CELL):
            tissue = (y + x) // CELL % 3 > 0
            rows.append(
                {
                    "iy": y // CELL,
                    "ix": x // CELL,
                    "y": y,
                    "x": x,
                    "height": min(CELL, layout.size.height - y),
                    "width": min(CELL, layout.size.width - x),
                    "sharper": 1 if tissue else -1,
                    "brenner_output": float(y + 2 * x) if tissue else math.nan,
                    "decision": "refocused" if tissue else "background",
                    "reason": "" if tissue else "no tissue: µ",
                    "psnr_output": math.nan,
                }
            )
    rows[0]["decision"] = "flagged"
    return pd.DataFrame(rows)


@pytest.fixture
def layout() -> StoreLayout:
    return small_layout(1555, 1300)


def test_table_comes_back_as_it_was(tmp_path: Path, layout: StoreLayout) -> None:
    frame = quality_of(layout)
    write_quality(tmp_path, frame, COLUMNS)
    back = read_quality(tmp_path)
    pd.testing.assert_frame_equal(back, frame)
    assert back.attrs["units"] == {"brenner_output": "grey levels²", "y": "px"}
    assert back.attrs["meanings"]["y"] == "first row"
    field = pq.read_schema(tmp_path / "tables" / "quality.parquet").field("brenner_output")
    assert field.metadata[b"unit"].decode() == "grey levels²"


def test_csv_says_the_same(tmp_path: Path, layout: StoreLayout) -> None:
    frame = quality_of(layout)
    write_quality_csv(tmp_path / "new folder" / "quality.csv", frame)
    back = pd.read_csv(
        tmp_path / "new folder" / "quality.csv",
        keep_default_na=False,
        na_values={"psnr_output": [""], "brenner_output": [""]},
    )
    pd.testing.assert_frame_equal(back, frame, check_dtype=False)


def test_a_missing_or_damaged_table_is_told_in_one_line(tmp_path: Path, layout: StoreLayout) -> None:
    with pytest.raises(OutputError, match="no quality table"):
        read_quality(tmp_path)
    write_quality(tmp_path, quality_of(layout))
    file = tmp_path / "tables" / "quality.parquet"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(OutputError, match="cannot be read") as error:
        read_quality(tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("version", ["0.5", "0.4"])
def test_quality_image_validates_and_opens(tmp_path: Path, version: Version) -> None:
    layout = small_layout(1555, 1300, version)
    write_quality_image(tmp_path, quality_of(layout), layout, CELL)
    model = Image05 if version == "0.5" else Image04
    model.from_zarr(zarr.open_group(tmp_path / "quality", mode="r"))
    (node,) = Reader(parse_url(str(tmp_path / "quality")))()
    assert [data.shape for data in node.data] == [(3, 98, 82), (3, 49, 41)]
    assert node.metadata["channel_names"] == ["decision", "sharper", "brenner_output"]
    assert node.metadata["visible"] == [True, False, False]


def test_quality_image_holds_the_table(tmp_path: Path, layout: StoreLayout) -> None:
    frame = quality_of(layout)
    write_quality_image(tmp_path, frame, layout, CELL)
    group = zarr.open_group(tmp_path / "quality", mode="r")
    image = np.asarray(group["0"])
    codes = group.attrs["quality"]["decisions"]
    for row in frame.itertuples():
        decision, sharper, brenner = image[:, row.iy, row.ix]
        assert decision == codes[row.decision]
        assert sharper == row.sharper
        assert brenner == np.float32(NOT_MEASURED if math.isnan(row.brenner_output) else row.brenner_output)


def test_a_measured_zero_is_told_from_what_was_not_measured(tmp_path: Path, layout: StoreLayout) -> None:
    """A bound of 0 dB says much, and none says nothing; both are drawn, and come back as what they were."""
    frame = quality_of(layout)
    frame["gain_bound"] = np.where(frame["decision"] == "background", np.nan, 0.0)
    frame.loc[1, "gain_bound"] = -3.5
    write_quality_image(tmp_path, frame, layout, CELL)
    attributes = zarr.open_group(tmp_path / "quality", mode="r").attrs
    assert attributes["quality"]["not_measured"] == NOT_MEASURED
    windows = {each["label"]: each["window"] for each in attributes["ome"]["omero"]["channels"]}
    assert (windows["gain_bound"]["start"], windows["gain_bound"]["end"]) == (-3.5, 0)
    image = read_quality_image(tmp_path)
    bound = image.planes[image.names.index("gain_bound")]
    np.testing.assert_array_equal(bound.ravel(), frame["gain_bound"].to_numpy(np.float32))


def test_a_quality_image_of_an_older_version_is_read(tmp_path: Path, layout: StoreLayout) -> None:
    """There 0 was written for what was not measured."""
    write_quality_image(tmp_path, quality_of(layout), layout, CELL)
    group = zarr.open_group(tmp_path / "quality", mode="r+")
    planes = np.asarray(group["0"])
    group["0"][...] = np.where(planes == NOT_MEASURED, 0, planes)
    group.attrs["quality"] = {**group.attrs["quality"], "not_measured": 0.0}
    image = read_quality_image(tmp_path)
    assert image.not_measured == 0
    np.testing.assert_array_equal(np.isnan(image.planes[2]), planes[2] == NOT_MEASURED)


def test_a_damaged_quality_image_is_told_in_one_line(tmp_path: Path, layout: StoreLayout) -> None:
    with pytest.raises(OutputError, match="quality image cannot be read"):
        read_quality_image(tmp_path)
    write_quality_image(tmp_path, quality_of(layout), layout, CELL)
    (file,) = [each for each in (tmp_path / "quality" / "0" / "c" / "2").rglob("*") if each.is_file()][:1]
    file.write_bytes(b"no chunk")
    with pytest.raises(OutputError, match="quality image cannot be read") as error:
        read_quality_image(tmp_path)
    assert "\n" not in str(error.value)


def test_quality_image_lies_over_the_slide(tmp_path: Path, layout: StoreLayout) -> None:
    write_quality_image(tmp_path, quality_of(layout), layout, CELL)
    (multiscale,) = zarr.open_group(tmp_path / "quality", mode="r").attrs["ome"]["multiscales"]
    for dataset, edge in zip(multiscale["datasets"], (CELL, 2 * CELL), strict=True):
        scale, translation = dataset["coordinateTransformations"]
        assert scale["scale"] == [1.0, edge * 0.5, edge * 0.25]
        # the centre of the first cell, where level 0 has the centre of its first pixel at the origin
        assert translation["translation"] == [0.0, (edge - 1) / 2 * 0.5, (edge - 1) / 2 * 0.25]


def test_coarse_quality_is_the_mean_of_what_was_measured(tmp_path: Path, layout: StoreLayout) -> None:
    frame = quality_of(layout)
    write_quality_image(tmp_path, frame, layout, CELL)
    coarse = np.asarray(zarr.open_group(tmp_path / "quality", mode="r")["1"])
    fours = frame.groupby([frame["iy"] // 2, frame["ix"] // 2])
    expected = fours["brenner_output"].mean().fillna(NOT_MEASURED).to_numpy().reshape(coarse.shape[1:])
    np.testing.assert_allclose(coarse[2], expected, rtol=1e-6)
    assert coarse[0, 0, 0] == 4  # a flagged cell stays in sight
    assert set(np.unique(coarse[1])) <= {-1, 1}  # planes are not averaged


def test_cells_that_are_not_in_the_table_are_told_apart(tmp_path: Path, layout: StoreLayout) -> None:
    write_quality_image(tmp_path, quality_of(layout).iloc[:5], layout, CELL)
    decision = np.asarray(zarr.open_group(tmp_path / "quality", mode="r")["0"])[0]
    assert (decision[0, :5] > 0).all() and (decision[1:] == NOT_MEASURED).all()


def test_a_cell_outside_the_slide_is_refused(tmp_path: Path, layout: StoreLayout) -> None:
    frame = quality_of(layout)
    frame.loc[0, "y"] = 1600
    with pytest.raises(ValueError, match="outside"):
        write_quality_image(tmp_path, frame, layout, CELL)
