"""A slide at another size of pixel: the same pixels by whatever windows they are read."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Picture

from tests.support.two_shot import tissue, write_ome_tiff
from wsi_refocus.errors import OutputError, UsageError
from wsi_refocus.geometry import Region
from wsi_refocus.ngff.metadata import read_provenance
from wsi_refocus.pipeline.refocus import refocus_slide
from wsi_refocus.slide.open import open_slide
from wsi_refocus.slide.resampled import ResampledSource
from wsi_refocus.slide.source import SlideSource

SIZE = (421, 533)


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two planes of 0.1 µm per pixel, uncompressed."""
    path = tmp_path_factory.mktemp("resampled") / "slide.ome.tiff"
    planes = [tissue(SIZE, seed=1), tissue(SIZE, seed=2)]
    write_ome_tiff(path, planes, z_um=[-0.75, 0.75], mpp=0.1, compression="deflate")
    return path


def _whole(source: SlideSource) -> np.ndarray:
    return source.read_region(0, 0, Region.whole(source.info.size))


@pytest.mark.parametrize("mpp", [0.06, 0.23, 0.5])
def test_it_is_what_pillow_makes_of_the_whole_plane(slide: Path, mpp: float) -> None:
    with ResampledSource(open_slide(slide), mpp) as source:
        seen = _whole(source)
        assert source.info.mpp == (mpp, mpp)
        height, width = seen.shape[:2]
        assert (height, width) == (int(SIZE[0] * 0.1 / mpp), int(SIZE[1] * 0.1 / mpp))
    box = (0, 0, width * mpp / 0.1, height * mpp / 0.1)
    wanted = Picture.fromarray(tissue(SIZE, seed=1)).resize((width, height), Picture.Resampling.LANCZOS, box=box)
    inner = (slice(8, -8), slice(8, -8))  # Pillow normalises at the edge, this repeats it
    assert np.abs(seen[inner].astype(int) - np.asarray(wanted)[inner]).max() <= 1


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_a_pixel_does_not_depend_on_the_window(slide: Path, data: st.DataObject) -> None:
    with ResampledSource(open_slide(slide), data.draw(st.sampled_from([0.07, 0.15, 0.27]))) as source:
        whole = _whole(source)
        y, x = (data.draw(st.integers(0, side - 1)) for side in whole.shape[:2])
        height = data.draw(st.integers(1, whole.shape[0] - y))
        width = data.draw(st.integers(1, whole.shape[1] - x))
        part = source.read_region(0, 0, Region(y, x, height, width))
    assert np.array_equal(part, whole[y : y + height, x : x + width])


@pytest.mark.parametrize("mpp", [0.01, 2.0])
def test_sizes_too_far_off_are_refused(slide: Path, mpp: float) -> None:
    with open_slide(slide) as source, pytest.raises(UsageError, match="more than 8 times"):
        ResampledSource(source, mpp)


def test_unknown_pixel_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "slide.ome.tiff"
    write_ome_tiff(path, [tissue(64), tissue(64)], z_um=[0, 1], mpp=None)
    with open_slide(path) as source, pytest.raises(UsageError, match="--mpp"):
        ResampledSource(source, 0.25)


def test_a_run_writes_pixels_of_the_wanted_size_and_says_so(slide: Path, tmp_path: Path) -> None:
    output = tmp_path / "o.ome.zarr"
    summary = refocus_slide(slide, output=output, method="mean", resample=0.25, workers=0)
    assert summary.shape == (168, 213)
    provenance = read_provenance(output)
    assert provenance["source"]["resampled_um"] == 0.25
    assert any("resampled from 0.1 to 0.25" in note for note in provenance["source"]["notes"])
    with open_slide(output) as written:
        assert written.info.mpp == pytest.approx((0.25, 0.25))
    with pytest.raises(OutputError, match="exists already"):
        refocus_slide(slide, output=output, method="mean", resample=0.3, workers=0)
