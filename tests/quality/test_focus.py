import numpy as np
import pytest
from scipy import ndimage

from wsi_refocus.quality.focus import brenner_gradient, luminance


@pytest.fixture
def noise():
    return np.random.default_rng(0).integers(0, 256, (97, 131, 3), dtype=np.uint8)


def test_brenner_gradient_is_the_mean_square_of_differences_two_pixels_apart():
    ramp = np.broadcast_to(np.arange(0, 60, 3, dtype=np.uint8)[None, :], (7, 20))
    assert brenner_gradient(ramp) == 36.0


def test_whole_number_path_agrees_with_the_float_path(noise):
    assert brenner_gradient(noise) == pytest.approx(brenner_gradient(noise.astype(np.float32)), rel=1e-3)
    assert brenner_gradient(noise[..., 0]) == pytest.approx(brenner_gradient(noise[..., 0].astype(float)), rel=1e-6)


def test_strongest_edges_do_not_overflow():
    stripes = np.zeros((2048, 2048, 3), dtype=np.uint8)
    stripes[:, 0::4] = stripes[:, 1::4] = 255
    assert brenner_gradient(stripes) == pytest.approx(255**2, rel=1e-3)


def test_blur_lowers_it_and_size_does_not_matter(noise):
    soft = ndimage.gaussian_filter(noise, (1, 1, 0))
    assert brenner_gradient(soft) < 0.2 * brenner_gradient(noise)
    assert brenner_gradient(np.tile(noise, (2, 1, 1))) == pytest.approx(brenner_gradient(noise))


@pytest.mark.parametrize("shape", [(0, 5, 3), (5, 0, 3), (4, 2, 3), (1, 1)])
def test_too_small_images_have_none(shape):
    assert brenner_gradient(np.zeros(shape, np.uint8)) == 0


def test_luminance_weights_green_most():
    primaries = np.eye(3, dtype=np.uint8)[None] * 255
    assert luminance(primaries)[0] == pytest.approx([76.7, 149.4, 28.9], abs=0.1)
    assert luminance(np.full((2, 2, 3), 200, np.uint8)) == pytest.approx(np.full((2, 2), 200.0))
