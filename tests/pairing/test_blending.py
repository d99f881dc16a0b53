import numpy as np
import pytest

from wsi_refocus.geometry import Region
from wsi_refocus.pairing.blending import feather

MASK = np.array([[1, 1, 0, 1], [0, 1, 1, 1], [1, 1, 1, 0]], dtype=bool)
CELL, WIDTH = 64, 24
WHOLE = Region(0, 0, 3 * CELL, 4 * CELL - 13)


def whole_weight():
    return np.asarray(feather(MASK, WHOLE, CELL, WIDTH))


def test_weight_is_zero_outside_the_mask_and_one_deep_inside():
    weight = whole_weight()
    outside = np.kron(~MASK, np.ones((CELL, CELL), bool))[: WHOLE.height, : WHOLE.width]
    assert (weight[outside] == 0).all()
    assert (weight[~outside] > 0).all()
    assert weight[CELL - 5, 32] < 1
    assert weight[CELL + 32, CELL + 40] == 1


def test_border_of_the_slide_is_no_border():
    weight = whole_weight()
    assert weight[0, 32] == 1
    assert weight[-1, 0] == 1


def test_no_step_is_larger_than_the_ramp():
    weight = whole_weight()
    steepest = 1.5 / WIDTH * 1.05
    assert np.abs(np.diff(weight, axis=0)).max() <= steepest
    assert np.abs(np.diff(weight, axis=1)).max() <= steepest


@pytest.mark.parametrize(
    "region", [Region(0, 0, 64, 64), Region(37, 50, 100, 90), Region(70, 3, 5, 200), Region(191, 242, 1, 1)]
)
def test_weight_of_a_pixel_does_not_depend_on_the_region(region):
    expected = whole_weight()[region.slices]
    assert np.array_equal(np.broadcast_to(feather(MASK, region, CELL, WIDTH), region.size), expected)


def test_even_regions_give_a_number():
    assert feather(MASK, Region(70, 0, 40, 64), CELL, WIDTH) == 0.0
    assert feather(np.ones((3, 3), bool), Region(0, 0, 100, 100), CELL, WIDTH) == 1.0
    assert feather(np.zeros((3, 3), bool), Region(-30, -30, 300, 300), CELL, WIDTH) == 0.0


def test_beyond_the_slide_the_outer_cells_go_on():
    weight = np.asarray(feather(MASK, Region(-10, -10, 90, 300), CELL, WIDTH))
    assert (weight[:10] == weight[10]).all()
    assert weight.shape == (90, 300)
