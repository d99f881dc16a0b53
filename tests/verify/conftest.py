"""A finished output to break, in either version of OME-NGFF, with a phase map and a shard boundary."""

import shutil
from pathlib import Path

import pytest

from tests.support.two_shot import BACKGROUND, tissue, two_planes, write_ome_tiff
from wsi_refocus.pipeline.refocus import refocus_slide


@pytest.fixture(scope="session")
def shots_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shots of 2100 × 1100 pixels: two shards, and some cells of glass."""
    image = tissue((2100, 1100), seed=7)
    image[:1100, :560] = BACKGROUND
    return write_ome_tiff(
        tmp_path_factory.mktemp("verify") / "shots.ome.tiff", two_planes(image), compression="deflate"
    )


@pytest.fixture(scope="session", params=["0.5", "0.4"])
def whole_output(request: pytest.FixtureRequest, shots_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "out.ome.zarr"
    refocus_slide(shots_file, output=folder, method="mean", workers=0, ngff=request.param, phase=True)
    return folder


@pytest.fixture
def output(whole_output: Path, tmp_path: Path) -> Path:
    """A copy that a test may break."""
    return Path(shutil.copytree(whole_output, tmp_path / "out.ome.zarr"))
