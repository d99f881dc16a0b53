"""Kernels that make the density in focus of two shots."""

import numpy as np
import pytest
from scipy import ndimage

from tests.support.two_shot import tissue
from wsi_refocus.optics.focusing import FocusedViews
from wsi_refocus.optics.inversion import EDGE, RADIUS, Regularisation, inversion_kernels
from wsi_refocus.optics.specimen import Specimen, specimen_of
from wsi_refocus.optics.transfer import Microscope

OPTICS = Microscope(condenser_ratio=0.75)
MPP = 0.25


def restored(first, second, heights, **options):
    """Apply kernels by the definition: densities convolved on a torus."""
    kernels = inversion_kernels(OPTICS, MPP, [heights], **options)[0]
    result = np.empty_like(first)
    for channel in range(3):
        density = sum(
            ndimage.convolve(-np.log(shot[..., channel]), np.fft.fftshift(kernel)[1:, 1:], mode="wrap")
            for shot, kernel in zip((first, second), kernels[channel], strict=True)
        )
        result[..., channel] = np.exp(-density)
    return result


def rms(one, other):
    return float(np.sqrt(np.mean((one - other) ** 2)))


@pytest.fixture(scope="module")
def views():
    image = tissue((96, 96), seed=4)
    return FocusedViews(specimen_of(image, 0.8, 0.0), OPTICS, MPP)


def test_kernels_add_up_to_one_and_end_at_the_radius():
    kernels = inversion_kernels(OPTICS, MPP, [(-1.0, 0.5), (-0.75, 0.75)])
    offset = np.fft.fftfreq(EDGE, 1 / EDGE)
    beyond = np.hypot(offset[:, np.newaxis], offset) > RADIUS
    assert kernels.shape == (2, 3, 2, EDGE, EDGE)
    np.testing.assert_allclose(kernels.sum(axis=(2, 3, 4)), 1, atol=1e-5)
    assert not kernels[..., beyond].any()


def test_planes_in_the_other_order_have_the_kernels_in_the_other_order():
    one = inversion_kernels(OPTICS, MPP, [(-1.0, 0.5)])
    other = inversion_kernels(OPTICS, MPP, [(0.5, -1.0)])
    np.testing.assert_allclose(one, other[:, :, ::-1], atol=1e-7)


@pytest.mark.parametrize("heights", [(-0.75, 0.75), (-1.2, 0.4)])
def test_density_is_found_where_phase_spoils_both_shots(views, heights):
    """With the right heights it is better than the mean of the shots, and than either."""
    truth, first, second = (views.at(z) for z in (0.0, *heights))
    error = rms(restored(first, second, heights), truth)
    assert error < 0.8 * min(rms(shot, truth) for shot in (first, second, (first + second) / 2))


def test_wrong_heights_are_worse(views):
    truth, first, second = (views.at(z) for z in (0.0, -1.2, 0.4))
    assert rms(restored(first, second, (-1.2, 0.4)), truth) < 0.8 * rms(restored(first, second, (-0.4, 1.2)), truth)


def test_pure_phase_leaves_an_empty_picture():
    rng = np.random.default_rng(0)
    phase = ndimage.gaussian_filter(rng.standard_normal((96, 96)), 2, mode="wrap")
    specimen = Specimen(np.zeros((3, 96, 96), np.float32), (0.3 * phase / phase.std()).astype(np.float32))
    views = FocusedViews(specimen, OPTICS, MPP)
    first, second = views.at(-0.75), views.at(0.75)
    assert rms(restored(first, second, (-0.75, 0.75)), 245.0) < 0.05 * rms(first, 245.0)


def test_a_strong_wish_for_the_mean_gives_the_mean(views):
    first, second = views.at(-0.9), views.at(0.6)
    result = restored(first, second, (-0.9, 0.6), regularisation=Regularisation(density=1e6))
    np.testing.assert_allclose(result, np.sqrt(first * second), rtol=1e-3)
