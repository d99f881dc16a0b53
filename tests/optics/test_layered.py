"""The layered depth of field, and the incoherent model that it is made of."""

import numpy as np
import pytest

from wsi_refocus.optics.incoherent import IncoherentViews
from wsi_refocus.optics.layered import LAYER_UM, LayeredViews
from wsi_refocus.optics.psf import born_wolf_psf
from wsi_refocus.optics.specimen import GLASS, Specimen, smooth_noise
from wsi_refocus.optics.transfer import Microscope

MPP, EDGE = 0.25, 96
FLAT = np.zeros((EDGE, EDGE), np.float32)


@pytest.fixture(scope="module")
def specimen() -> Specimen:
    density = np.abs(smooth_noise((3, EDGE, EDGE)[1:], 3, np.random.default_rng(0)))
    return Specimen(np.stack([0.3 * density, 0.6 * density, 0.4 * density]), FLAT)


def test_a_point_looks_like_the_psf():
    optics = Microscope()
    bright = np.full((3, EDGE, EDGE), 50.0, np.float32)
    bright[:, 40, 50] = 0
    view = IncoherentViews(Specimen(bright, FLAT), optics, MPP).at(1.2)
    expected = born_wolf_psf(
        65, MPP, 1.2, wavelength_um=optics.wavelengths_um[1], numerical_aperture=optics.numerical_aperture
    )
    np.testing.assert_allclose(view[40 - 32 : 73, 50 - 32 : 83, 1], GLASS * expected, rtol=0.02, atol=1e-2)


def test_one_layer_is_a_plain_convolution(specimen):
    views = LayeredViews(specimen, Microscope(), MPP, FLAT)
    plain = IncoherentViews(specimen, Microscope(), MPP)
    for z in (0.0, -0.8, 1.5):
        np.testing.assert_allclose(views.at(z), plain.at(z), atol=1e-3)


def test_light_is_neither_lost_nor_won(specimen):
    depth = (2 * smooth_noise((EDGE, EDGE), 20, np.random.default_rng(1))).astype(np.float32)
    views = LayeredViews(specimen, Microscope(), MPP, depth, 3.0)
    sharp = GLASS * np.exp(-specimen.density).mean(axis=(1, 2))
    for z in (0.0, 1.0):
        np.testing.assert_allclose(views.at(z).mean(axis=(0, 1)), sharp, rtol=1e-3)


def test_moving_the_focal_plane_shifts_the_layers(specimen):
    raised = LayeredViews(specimen, Microscope(), MPP, FLAT + 4 * LAYER_UM)
    level = LayeredViews(specimen, Microscope(), MPP, FLAT)
    np.testing.assert_allclose(raised.at(1.3), level.at(1.3 - 4 * LAYER_UM), atol=1e-3)


def test_thickness_blurs_and_a_step_is_in_focus_on_one_side(specimen):
    thick = LayeredViews(specimen, Microscope(), MPP, FLAT, 4.0).at(0.0)
    thin = LayeredViews(specimen, Microscope(), MPP, FLAT).at(0.0)
    assert thick.std() < thin.std()
    depth = FLAT.copy()
    depth[:, EDGE // 2 :] = 2.0
    step = LayeredViews(specimen, Microscope(), MPP, depth).at(0.0)
    inside = (slice(None), slice(24, EDGE // 2 - 16))
    outside = (slice(None), slice(EDGE // 2 + 16, EDGE - 24))
    assert np.abs(step - thin)[inside].mean() < 0.3 * np.abs(step - thin)[outside].mean()
