"""A finished output with everything that goes into an export."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ImageCms

from tests.support.two_shot import tissue, two_planes, write_ome_tiff
from wsi_refocus.ngff.stored import open_image
from wsi_refocus.pipeline.refocus import refocus_slide
from wsi_refocus.report.page import write_report

Image = NDArray[np.uint8]
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
LABEL, MACRO = tissue((120, 160), seed=3), tissue((90, 280), seed=4)


@dataclass(frozen=True)
class Made:
    """An output and the pixels of its levels, as they lie in the OME-Zarr."""

    folder: Path
    levels: tuple[Image, ...]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Level 0 has 2100 × 700 pixels: more than one shard, and tiles that are cut off at both far edges."""
    folder = tmp_path_factory.mktemp("export")
    slide = write_ome_tiff(
        folder / "Fall <3> & µ.ome.tiff",
        two_planes(tissue((2100, 700), seed=7)),
        mpp=0.5,
        compression="deflate",
        magnification=20,
        icc_profile=ICC,
        associated={"label": LABEL, "macro": MACRO},
    )
    output = folder / "case.ome.zarr"
    refocus_slide(slide, output=output, method="mean", workers=0)
    write_report(output)
    levels = open_image(output, "")
    return Made(output, tuple(np.moveaxis(np.asarray(level.array[:]), 0, -1) for level in levels))


@pytest.fixture
def output(made: Made, tmp_path: Path) -> Path:
    """A copy that a test may break."""
    return Path(shutil.copytree(made.folder, tmp_path / "case.ome.zarr"))
