import math

import numpy as np
import pytest

from wsi_refocus.quality.fidelity import mean_squared_error, psnr, psnr_of, ssim


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(20, 230, (64, 80, 3), dtype=np.uint8)


def test_identical_images(image):
    assert psnr(image, image) == math.inf
    assert ssim(image, image) == pytest.approx(1)


def test_psnr_of_a_known_error(image):
    assert mean_squared_error(image + np.uint8(5), image) == 25
    assert psnr(image + np.uint8(5), image) == pytest.approx(20 * math.log10(255 / 5))
    assert psnr_of(255**2) == 0


def test_difference_does_not_wrap_around():
    assert mean_squared_error(np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 255, np.uint8)) == 255**2


def test_errors_of_halves_add_up(image):
    noisy = np.clip(image + np.random.default_rng(1).normal(0, 9, image.shape), 0, 255).astype(np.uint8)
    halves = [mean_squared_error(noisy[part], image[part]) for part in (slice(0, 32), slice(32, 64))]
    assert psnr_of(sum(halves) / 2) == pytest.approx(psnr(noisy, image))


def test_ssim_falls_with_noise_and_ignores_a_little_light(image):
    noisy = np.clip(image + np.random.default_rng(1).normal(0, 40, image.shape), 0, 255).astype(np.uint8)
    assert ssim(noisy, image) < 0.9 < 0.99 < ssim(image + np.uint8(5), image)


def test_images_too_small_have_no_value(image):
    assert math.isnan(ssim(image[:6], image[:6]))
    assert math.isnan(psnr(image[:0], image[:0]))


@pytest.mark.parametrize("measure", [psnr, ssim])
def test_different_shapes_are_refused(measure, image):
    with pytest.raises(ValueError, match="differ"):
        measure(image, image[:32])
