"""One small result, made of two shots of which the second is moved."""

from pathlib import Path

import pytest

from tests.support.two_shot import tissue, two_planes, write_ome_tiff
from wsi_refocus.pipeline.refocus import refocus_slide

SHIFT = (3.0, -2.0)


@pytest.fixture(scope="session")
def two_shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slide of 900 × 1100 pixels whose second plane lies 3 pixels lower and 2 further left."""
    planes = two_planes(tissue((900, 1100), seed=5), blurs=(0.8, 1.6), shift=SHIFT)
    return write_ome_tiff(tmp_path_factory.mktemp("shots") / "shots.ome.tiff", planes, compression="deflate")


@pytest.fixture(scope="session", params=["0.5", "0.4"])
def output(request: pytest.FixtureRequest, two_shots: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sharper shot of it, in either version of OME-NGFF."""
    folder = tmp_path_factory.mktemp("output") / f"shots-{request.param}.ome.zarr"
    refocus_slide(two_shots, output=folder, method="sharpest", workers=0, ngff=request.param)
    return folder
