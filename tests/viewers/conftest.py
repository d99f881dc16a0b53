"""The sample's result in both versions of OME-NGFF; and which viewers are there to show it."""

from pathlib import Path

import pytest

from wsi_refocus.pipeline.refocus import refocus_slide

HERE = Path(__file__).parent
SAMPLE = HERE.parents[1] / "sample_slides" / "cmu-1-two-shot.ome.tiff"

# setup.sh says so where the reader of napari does not install
collect_ignore = [] if (HERE / "napari" / "ready").exists() else ["test_napari.py"]


@pytest.fixture(scope="session", params=["0.5", "0.4"])
def output(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("viewers") / f"sample-{request.param}.ome.zarr"
    refocus_slide(SAMPLE, output=folder, method="mean", ngff=request.param)
    return folder
