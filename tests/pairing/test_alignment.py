import numpy as np
import pytest
from scipy import ndimage

from tests.pairing.sections import SlideInMemory, moved, section, shot
from wsi_refocus.geometry import Region
from wsi_refocus.pairing.alignment import AlignedPair, padded_region
from wsi_refocus.pairing.survey import Survey
from wsi_refocus.tiling.grid import CellGrid

SIZE = (1200, 1300)


def surveyed(size, shift, gain=1.0, reference=0):
    """Survey with a given shift (rows, columns, 2) or (2,)."""
    shape = CellGrid(size).shape
    flat = np.zeros(shape, np.uint8)
    return Survey(
        size=size,
        reference=reference,
        slide_shift=(0.0, 0.0),
        slide_shift_error=0.1,
        slide_gain=(1.0, 1.0, 1.0),
        choice=flat,
        flag=flat,
        shift=np.broadcast_to(np.asarray(shift, np.float32), (*shape, 2)).copy(),
        shift_error=np.zeros(shape, np.float32),
        gain=np.broadcast_to(np.asarray(gain, np.float32), (*shape, 3)).copy(),
        tissue_fraction=np.ones(shape, np.float32),
    )


@pytest.fixture(scope="module")
def tissue():
    return section(*SIZE, seed=8)


def varying_shift(shape):
    generator = np.random.default_rng(2)
    return generator.uniform(-2, 2, (*shape, 2)) + np.array([3.0, -7.0])


def test_shifted_plane_comes_back(tissue):
    first = shot(tissue, 1.2, noise=0)
    second = shot(moved(tissue, 2.37, -4.61), 1.2, noise=0)
    slide = SlideInMemory([first, second])
    pair = AlignedPair(slide, (0, 1), surveyed(slide.info.size, (2.37, -4.61)))
    inner = Region(20, 20, 1100, 1200)
    there, back = pair.read(inner)
    assert np.array_equal(there, first[inner.slices])
    assert np.sqrt(np.mean((back.astype(float) - there) ** 2)) < 1.0
    assert np.abs(back.astype(int) - there).max() <= 4


def test_first_plane_moves_where_the_second_is_the_reference(tissue):
    first = shot(tissue, 1.2, noise=0)
    second = shot(moved(tissue, 2.37, -4.61), 1.2, noise=0, gain=(0.95, 0.95, 0.95))
    slide = SlideInMemory([first, second])
    pair = AlignedPair(slide, (0, 1), surveyed(slide.info.size, (2.37, -4.61), 1 / 0.95, reference=1))
    back, there = pair.read(Region(20, 20, 1100, 1200))
    assert np.array_equal(there, second[20:1120, 20:1220])
    assert np.sqrt(np.mean((back.astype(float) - there) ** 2)) < 1.0


def test_little_sharpness_is_lost(tissue):
    first = shot(tissue, 0.7, noise=0)
    second = shot(moved(tissue, 0.5, 0.5), 0.7, noise=0)
    slide = SlideInMemory([first, second])
    back = AlignedPair(slide, (0, 1), surveyed(slide.info.size, (0.5, 0.5))).read_second(Region(50, 50, 900, 900))
    lost = np.var(np.diff(back.astype(float), axis=1)) / np.var(np.diff(first[50:950, 50:950].astype(float), axis=1))
    assert 0.97 < lost < 1.03


@pytest.mark.parametrize(
    "region",
    [
        Region(0, 0, 512, 512),
        Region(100, 31, 700, 800),
        Region(500, 250, 13, 300),
        Region(-40, 900, 300, 450),
    ],
)
def test_pixels_do_not_depend_on_the_region(tissue, region):
    slide = SlideInMemory([shot(tissue, 1.0), shot(tissue, 1.4, seed=1)])
    shape = CellGrid(slide.info.size).shape
    gain = 1 + np.random.default_rng(1).uniform(-0.03, 0.03, (*shape, 3))
    pair = AlignedPair(slide, (0, 1), surveyed(slide.info.size, varying_shift(shape), gain))
    larger = region.grown(77)
    expected = pair.read_second(larger)[region.relative_to(larger).slices]
    assert np.array_equal(pair.read_second(region), expected)


def test_varying_shift_leaves_no_seams(tissue):
    slide = SlideInMemory([shot(tissue, 2.0, noise=0)] * 2)
    shift = varying_shift(CellGrid(slide.info.size).shape)
    aligned = AlignedPair(slide, (0, 1), surveyed(slide.info.size, shift)).read_second(Region(0, 0, *SIZE))
    steps = np.abs(np.diff(aligned.astype(int), n=2, axis=1)).mean(axis=(0, 2))
    seams = [border - 2 + near for border in range(256, 1280, 256) for near in (0, 1, 2)]
    assert steps[seams].max() <= np.quantile(steps, 0.995)


def test_field_is_bilinear_between_the_middles_of_cells():
    ramp = np.broadcast_to(np.arange(1200, dtype=np.float32)[None, :, None] / 5, (1100, 1200, 3))
    slide = SlideInMemory([np.rint(ramp).astype(np.uint8)] * 2)
    shift = np.zeros((3, 3, 2))
    shift[:, 0, 1], shift[:, 1, 1], shift[:, 2, 1] = 5.0, 10.0, 10.0
    aligned = AlignedPair(slide, (0, 1), surveyed(slide.info.size, shift)).read_second(Region(0, 0, 1100, 1200))
    moved_by = (aligned[600, :, 0].astype(float) - ramp[600, :, 0]) * 5
    smooth = ndimage.uniform_filter1d(moved_by, 25)
    assert smooth[[100, 256, 512, 768, 1000]] == pytest.approx([5, 5, 7.5, 10, 10], abs=0.5)


def test_beyond_the_slide_the_outermost_pixels_go_on():
    image = np.random.default_rng(0).integers(0, 256, (300, 200, 3), dtype=np.uint8)
    slide = SlideInMemory([image, image])
    pair = AlignedPair(slide, (0, 1), surveyed(slide.info.size, (1.5, 0.25)))
    region = Region(-20, -30, 340, 260)
    first, second = pair.read(region)
    padded = np.pad(image, ((20, 20), (30, 30), (0, 0)), mode="edge")
    assert np.array_equal(first, padded)
    assert np.array_equal(second[:20], np.broadcast_to(second[20], (20, 260, 3)))
    assert np.array_equal(padded_region(slide, 0, Region(-50, -50, 10, 10)), np.broadcast_to(image[0, 0], (10, 10, 3)))


def test_planes_that_fit_are_passed_on_untouched(tissue):
    second = shot(tissue, 1.5, seed=3)
    slide = SlideInMemory([shot(tissue), second])
    pair = AlignedPair(slide, (0, 1), surveyed(slide.info.size, (0.04, -0.03), 1.001))
    assert pair.is_captured
    assert np.array_equal(pair.read_second(Region(3, 5, 400, 400)), second[3:403, 5:405])
