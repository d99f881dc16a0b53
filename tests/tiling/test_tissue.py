import pickle

import numpy as np
import pytest
from scipy import ndimage

from wsi_refocus.geometry import Region, Size
from wsi_refocus.tiling.tissue import TissueMask, full, tissue_mask

SHAPE = (120, 160)
SIZE = Size(120 * 16, 160 * 16)
PINK, PALE, PURPLE, BROWN = (222, 150, 190), (240, 222, 234), (110, 60, 140), (150, 110, 80)


def glass(level=243, noise=2.0, shading=0.0, seed=0):
    generator = np.random.default_rng(seed)
    light = level * (1 - shading * np.linspace(0, 1, SHAPE[1]))[None, :, None]
    return light + generator.normal(0, noise, (*SHAPE, 3))


def picture(values):
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def with_disc(values, colour, radius=30, centre=(60, 80)):
    y, x = np.indices(SHAPE)
    disc = np.hypot(y - centre[0], x - centre[1]) < radius
    result = values.copy()
    result[disc] = np.array(colour) + np.random.default_rng(3).normal(0, 6, (disc.sum(), 3))
    return result, disc


@pytest.mark.parametrize("colour", [PINK, PALE, PURPLE, BROWN])
@pytest.mark.parametrize("level", [205, 243, 253])
def test_stained_tissue_is_found(colour, level):
    values, disc = with_disc(glass(level), np.array(colour) * level / 245)
    mask = tissue_mask(picture(values), SIZE).mask
    assert mask[disc].mean() > 0.97
    assert not mask[~ndimage.binary_dilation(disc, iterations=5)].any()


@pytest.mark.parametrize("values", [glass(), glass(215, 3.0), glass(250, 1.0, shading=0.03)])
def test_empty_slide_has_none(values):
    assert not tissue_mask(picture(values), SIZE).mask.any()


def test_field_without_glass_is_all_tissue():
    texture = ndimage.gaussian_filter(np.random.default_rng(0).normal(0, 1, SHAPE), 3) * 200
    values = np.array(PINK) + texture[..., None] * (0.5, 1.0, 0.6)
    assert tissue_mask(picture(values), SIZE).mask.mean() > 0.99


def test_dark_spots_do_not_hide_pale_tissue():
    values, disc = with_disc(glass(), PALE, 40)
    values, _ = with_disc(values, PURPLE, 6, (60, 60))
    assert tissue_mask(picture(values), SIZE).mask[disc].mean() > 0.97


def test_black_border_is_not_tissue():
    values, disc = with_disc(glass(), PINK)
    values[:20] = values[:, -15:] = 0
    mask = tissue_mask(picture(values), SIZE).mask
    assert not mask[:20].any()
    assert not mask[:, -15:].any()
    assert mask[disc].mean() > 0.97
    assert not mask[30:100, :30].any()


def test_white_filling_is_not_taken_for_the_glass():
    values, disc = with_disc(glass(222), PINK)
    values[:, :60] = 255
    mask = tissue_mask(picture(values), SIZE).mask
    inside = disc.copy()
    inside[:, :62] = False
    assert mask[inside].mean() > 0.97
    assert not mask[:20, 80:].any()


def test_specks_go_and_small_holes_are_filled():
    values, _ = with_disc(glass(noise=0.5), PINK)
    values[60, 80] = 244
    values[5, 5] = (60, 60, 60)
    mask = tissue_mask(picture(values), SIZE).mask
    assert mask[60, 80]
    small = tissue_mask(picture(glass(noise=0.5)), SIZE).mask
    assert not small.any()


def test_black_picture_has_none():
    assert not tissue_mask(np.zeros((*SHAPE, 3), np.uint8), SIZE).mask.any()


def test_fraction_is_the_exact_share_of_the_area():
    mask = np.zeros((4, 5), bool)
    mask[1:3, 2] = True
    tissue = TissueMask(mask, Size(41, 50))
    assert tissue.scale == (10.25, 10)
    assert tissue.fraction(Region(0, 0, 41, 50)) == pytest.approx(2 / 20)
    assert tissue.fraction(Region(11, 20, 15, 10)) == pytest.approx(1)
    assert tissue.fraction(Region(11, 15, 15, 10)) == pytest.approx(0.5)
    assert tissue.fraction(Region(35, 0, 100, 100)) == pytest.approx(0)


def test_what_lies_beyond_the_slide_does_not_count():
    tissue = full(Size(100, 100))
    assert tissue.fraction(Region(-50, 90, 100, 100)) == 1
    assert tissue.fraction(Region(200, 200, 10, 10)) == 0
    assert tissue.fraction(Region(10, 10, 0, 5)) == 0


def test_same_picture_gives_the_same_mask_and_travels():
    values, _ = with_disc(glass(), PINK)
    one, other = tissue_mask(picture(values), SIZE), tissue_mask(picture(values), SIZE)
    again = pickle.loads(pickle.dumps(one))
    region = Region(300, 500, 777, 512)
    assert np.array_equal(one.mask, other.mask)
    assert again.fraction(region) == one.fraction(region)
