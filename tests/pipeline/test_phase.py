"""The phase map that `--phase` writes beside the picture."""

from pathlib import Path

import numpy as np
import pytest
import zarr
from ome_zarr_models import open_ome_zarr
from scipy import ndimage

from tests.support.two_shot import write_ome_tiff
from wsi_refocus import read_provenance
from wsi_refocus.geometry import Region
from wsi_refocus.ngff.store import read_level
from wsi_refocus.optics.focusing import FocusedViews
from wsi_refocus.optics.specimen import Specimen
from wsi_refocus.optics.transfer import Microscope
from wsi_refocus.pipeline.refocus import refocus_slide

EDGE, MPP, OFFSET = 384, 0.25, 1.0


@pytest.fixture(scope="module")
def phase() -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal((EDGE, EDGE)), 1.5, mode="wrap")
    return (0.25 * noise / noise.std()).astype(np.float32)


@pytest.fixture(scope="module")
def slide(phase: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    density = 0.3 + 0.1 * ndimage.gaussian_filter(np.random.default_rng(1).standard_normal((3, EDGE, EDGE)), (0, 4, 4))
    views = FocusedViews(Specimen(density.astype(np.float32), phase), Microscope(0.75, condenser_ratio=0.75), MPP)
    shots = [np.clip(views.at(z) + 0.5, 0, 255).astype(np.uint8) for z in (-OFFSET, OFFSET)]
    path = tmp_path_factory.mktemp("phase") / "slide.ome.tiff"
    return write_ome_tiff(path, shots, z_um=[-OFFSET, OFFSET], mpp=MPP, compression="deflate")


@pytest.mark.parametrize("ngff", ["0.5", "0.4"])
def test_the_map_shows_the_phase_that_was_there(slide: Path, phase: np.ndarray, tmp_path: Path, ngff: str) -> None:
    """Pearson correlation with the true phase, both without what is coarser or finer than two shots can tell."""
    summary = refocus_slide(slide, output=tmp_path / "made", method="sharpest", phase=True, workers=0, ngff=ngff)
    group = zarr.open_group(Path(summary.output) / "phase", mode="r")
    open_ome_zarr(group)
    about = group.attrs["phase"]
    grey = read_level(Path(summary.output) / "phase", 0, Region(0, 0, EDGE, EDGE))[..., 0]
    radian = (grey.astype(float) - about["zero"]) * about["radian_per_grey_level"]
    seen, true = (ndimage.gaussian_filter(each, 1.5) - ndimage.gaussian_filter(each, 4) for each in (radian, phase))
    inner = (slice(40, -40), slice(40, -40))
    assert np.corrcoef(seen[inner].ravel(), true[inner].ravel())[0, 1] > 0.9
    assert 0.3 < np.sum(seen[inner] * true[inner]) / np.sum(true[inner] ** 2) < 1.1
    assert read_provenance(summary.output)["slide"]["phase"] == "phase"


def test_tiles_do_not_show_and_without_the_option_there_is_none(slide: Path, tmp_path: Path) -> None:
    maps = []
    for tile in (128, 512):
        output = tmp_path / f"{tile}"
        refocus_slide(slide, output=output, method="sharpest", phase=True, workers=0, tile=tile)
        maps.append(read_level(output / "phase", 0, Region(0, 0, EDGE, EDGE)).astype(int))
    assert np.abs(maps[0] - maps[1]).max() <= 1
    plain = refocus_slide(slide, output=tmp_path / "plain", method="sharpest", workers=0)
    assert not (Path(plain.output) / "phase").exists()
    assert read_provenance(plain.output)["slide"]["phase"] is None
