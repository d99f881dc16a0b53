"""Outputs of one slide by two methods, and the truth that the slide was made of."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.two_shot import BACKGROUND, tissue, two_planes, write_ome_tiff
from wsi_refocus.pipeline.refocus import refocus_slide

Image = NDArray[np.uint8]


@pytest.fixture(scope="session")
def in_focus() -> Image:
    """Tissue of 1100 × 1300 pixels, nine cells; the first one is glass."""
    image = tissue((1100, 1300), seed=21)
    image[:560, :560] = BACKGROUND
    return image


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compare")


@pytest.fixture(scope="session")
def shots_file(in_focus: Image, folder: Path) -> Path:
    return write_ome_tiff(folder / "shots.ome.tiff", two_planes(in_focus), compression="deflate")


@pytest.fixture(scope="session")
def truth_file(in_focus: Image, folder: Path) -> Path:
    return write_ome_tiff(folder / "truth.ome.tiff", [in_focus], z_um=[0.0], compression="deflate")


@pytest.fixture(scope="session")
def mean_output(shots_file: Path, folder: Path) -> Path:
    refocus_slide(shots_file, output=folder / "mean.ome.zarr", method="mean", workers=0)
    return folder / "mean.ome.zarr"


@pytest.fixture(scope="session")
def sharpest_output(shots_file: Path, folder: Path) -> Path:
    """Written as OME-NGFF 0.4: the versions of both sides play no part."""
    refocus_slide(shots_file, output=folder / "sharpest.ome.zarr", method="sharpest", workers=0, ngff="0.4")
    return folder / "sharpest.ome.zarr"
