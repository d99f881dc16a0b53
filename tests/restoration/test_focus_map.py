"""The plane in focus, square by square."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from tests.support.two_shot import tissue
from wsi_refocus.quality.focus import brenner_gradient
from wsi_refocus.restoration.focus_map import composed, sharpest_planes


def tilted(height, width, step, planes):
    """Truth, and a stack whose plane in focus rises by one every ``step`` columns."""
    sharp = tissue((height, width), seed=2).astype(np.float32)
    blurs = [gaussian_filter(sharp, (spread, spread, 0)) if spread else sharp for spread in (0, 1.5, 3)]
    off = np.abs(np.arange(planes)[:, None] - np.arange(width) // step).clip(0, 2)
    stack = np.stack([np.stack([blurs[off[plane, x]][:, x] for x in range(width)], axis=1) for plane in range(planes)])
    return np.round(sharp).astype(np.uint8), np.round(stack).astype(np.uint8)


def test_planes_of_a_tilted_stack_are_found():
    truth, stack = tilted(256, 256, 64, 4)
    planes = sharpest_planes(stack)
    assert np.array_equal(planes, np.tile(np.arange(4), (4, 1)))
    assert np.array_equal(composed(stack, planes), truth)


def test_squares_at_the_far_edges_are_clipped():
    truth, stack = tilted(150, 210, 64, 4)
    planes = sharpest_planes(stack)
    assert np.array_equal(planes, np.tile(np.arange(4), (3, 1)))
    assert np.array_equal(composed(stack, planes), truth)


def test_one_square_is_the_plane_of_the_largest_brenner_gradient():
    grey = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 1), dtype=np.uint8).repeat(3, axis=3)
    assert sharpest_planes(grey).item() == np.argmax([brenner_gradient(plane) for plane in grey])


def test_what_lies_beyond_a_square_does_not_count():
    stack = np.random.default_rng(1).integers(100, 110, (2, 64, 128, 3), dtype=np.uint8)
    stack[0, :, 64:] *= 2
    left = sharpest_planes(stack)[0, 0]
    stack[0, :, 64:], stack[1, :, 64:] = 0, 255
    assert sharpest_planes(stack)[0, 0] == left


@pytest.mark.parametrize("shape", [(64, 64, 3), (0, 64, 64, 3), (2, 64, 64)])
def test_what_is_no_stack_is_refused(shape):
    with pytest.raises(ValueError, match="planes, height, width, 3"):
        sharpest_planes(np.zeros(shape, np.uint8))
