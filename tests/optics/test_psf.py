"""The Born & Wolf PSF against what theory says of it."""

from __future__ import annotations

import numpy as np
import pytest

from wsi_refocus.optics.psf import FINEST_STEP_UM, born_wolf_intensity, born_wolf_psf

OPTICS = [
    {"wavelength_um": 0.54, "numerical_aperture": 0.75, "refractive_index": 1.0},
    {"wavelength_um": 0.46, "numerical_aperture": 0.4, "refractive_index": 1.0},
    {"wavelength_um": 0.62, "numerical_aperture": 1.3, "refractive_index": 1.515},
]


@pytest.mark.parametrize("optics", OPTICS)
def test_axis_is_dark_at_multiples_of_2_n_lambda_over_na_squared(optics):
    axis = np.zeros(1)
    first = 2 * optics["refractive_index"] * optics["wavelength_um"] / optics["numerical_aperture"] ** 2
    assert born_wolf_intensity(axis, 0.0, **optics)[0] == pytest.approx(1)
    for number in (1, 2, 3):
        assert born_wolf_intensity(axis, number * first, **optics)[0] < 1e-12
    # sinc² in between
    assert born_wolf_intensity(axis, first / 2, **optics)[0] == pytest.approx((2 / np.pi) ** 2)


@pytest.mark.parametrize("optics", OPTICS)
def test_airy_ring_is_dark_at_061_lambda_over_na(optics):
    radii = np.linspace(0, 1, 20_001)[1:] * optics["wavelength_um"] / optics["numerical_aperture"]
    profile = born_wolf_intensity(radii, 0.0, **optics)
    dark = radii[np.argmin(profile)]
    assert dark == pytest.approx(0.6098 * optics["wavelength_um"] / optics["numerical_aperture"], rel=1e-3)


@pytest.mark.parametrize("z_um", [0.0, 0.75, 3.0])
@pytest.mark.parametrize("mpp", [0.1, 0.25, 0.5])
def test_energy_is_one_and_both_sides_of_focus_are_the_same(mpp, z_um):
    above, below = (born_wolf_psf(31, mpp, sign * z_um, **OPTICS[0]) for sign in (1, -1))
    assert above.sum() == pytest.approx(1)
    assert above.min() >= 0
    np.testing.assert_allclose(above, below, rtol=0, atol=1e-12)
    np.testing.assert_allclose(above, above[::-1, ::-1], rtol=0, atol=1e-12)
    np.testing.assert_allclose(above, above.T, rtol=0, atol=1e-12)


def test_coarse_pixels_hold_what_fine_ones_hold_together():
    fine = born_wolf_psf(99, 0.5 / 9, 0.8, **OPTICS[0])
    coarse = born_wolf_psf(11, 0.5, 0.8, **OPTICS[0])
    assert FINEST_STEP_UM > 0.5 / 9
    np.testing.assert_allclose(fine.reshape(11, 9, 11, 9).sum(axis=(1, 3)), coarse, rtol=0.05, atol=1e-4)


def test_defocus_spreads_the_light():
    peaks = [born_wolf_psf(31, 0.25, z, **OPTICS[0]).max() for z in (0.0, 0.5, 1.0, 2.0)]
    assert peaks == sorted(peaks, reverse=True)


def test_even_size_is_refused():
    with pytest.raises(ValueError, match="odd"):
        born_wolf_psf(30, 0.25, 0.0, **OPTICS[0])


@pytest.mark.parametrize("z_um", [0.0, 3.0, 6.0])
def test_an_independent_package_computes_the_same(z_um):
    """psf-generator's scalar integral is not paraxial; at a small aperture the two must agree."""
    from psf_generator.propagators import ScalarSphericalPropagator

    pixel_nm, edge = 100, 101
    propagator = ScalarSphericalPropagator(
        n_pix_pupil=401, n_pix_psf=edge, wavelength=540, na=0.25, pix_size=pixel_nm, n_i=1.0, n_i0=1.0,
        defocus_step=z_um * 1000, n_defocus=2,
    )  # fmt: skip
    field = propagator.compute_focus_field().squeeze(1)[-1].numpy()
    oracle = np.abs(field) ** 2
    line = np.linspace(-edge / 2, edge / 2, edge) * pixel_nm / 1000  # where the package puts its pixels
    distance = np.hypot(line[:, np.newaxis], line)
    ours = born_wolf_intensity(distance, z_um, wavelength_um=0.54, numerical_aperture=0.25)
    np.testing.assert_allclose(ours / ours.sum(), oracle / oracle.sum(), atol=0.02 * (ours / ours.sum()).max())
