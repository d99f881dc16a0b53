"""The simulated scanner."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from wsi_refocus.optics.focusing import FocusedViews
from wsi_refocus.optics.scanner import Acquisition, acquire, draw_acquisition, view_over
from wsi_refocus.optics.specimen import smooth_noise, specimen_of
from wsi_refocus.optics.transfer import Microscope

QUIET = Acquisition(electrons=1e12, read_noise=0.0)


@pytest.fixture
def image() -> np.ndarray:
    """Dark discs of 4 µm on bright glass, as nuclei lie on a section."""
    y, x = np.mgrid[:160, :160]
    pixels = np.full((160, 160, 3), 235.0)
    for cy, cx in ((50, 50), (100, 70), (80, 120)):
        pixels[np.hypot(y - cy, x - cx) < 8] = (120, 70, 150)
    return ndimage.gaussian_filter(pixels, (1, 1, 0)).astype(np.uint8)


def test_the_truth_is_the_image_itself(image: np.ndarray) -> None:
    shots = acquire(image, 0.25, replace(QUIET, phase_texture=0.0))
    assert np.abs(shots.truth.astype(int) - image).mean() < 0.5


def test_without_phase_the_two_sides_of_focus_look_alike(image: np.ndarray) -> None:
    shots = acquire(image, 0.25, replace(QUIET, phase_per_density=0.0, phase_texture=0.0))
    assert np.abs(shots.first.astype(int) - shots.second).max() <= 1
    assert np.abs(shots.first.astype(int) - shots.truth).max() > 10


def test_with_phase_edges_turn_from_dark_to_bright_and_the_mean_is_nearer(image: np.ndarray) -> None:
    shots = acquire(image, 0.25, replace(QUIET, phase_per_density=1.0, phase_texture=0.0))
    first, second, truth = (each.astype(float) for each in (shots.first, shots.second, shots.truth))
    assert np.corrcoef((first - truth).ravel(), (second - truth).ravel())[0, 1] < 0
    error = [np.mean((each - truth) ** 2) for each in (first, second, (first + second) / 2)]
    assert error[2] < min(error[:2])


def test_drift_brings_one_shot_into_focus(image: np.ndarray) -> None:
    shots = acquire(image, 0.25, replace(QUIET, defocus_offset_um=0.75, drift_um=0.75))
    assert np.abs(shots.second.astype(int) - shots.truth).max() <= 1
    assert np.abs(shots.first.astype(int) - shots.truth).max() > 10


def test_topography_is_seen_where_it_is(image: np.ndarray) -> None:
    tilted = acquire(image, 0.25, replace(QUIET, tilt_um=(4.0, 0.0), defocus_offset_um=1.0))
    assert tilted.drift_um[0].mean() < -1 < 1 < tilted.drift_um[-1].mean()
    views = FocusedViews(specimen_of(image, 0.4, 0.0), Microscope(), 0.25)
    z_um = np.full((160, 160), 0.5, np.float32)
    z_um[:, 80:] = 1.5
    np.testing.assert_allclose(view_over(views, z_um, step_um=0.25)[:, :80], views.at(0.5)[:, :80], atol=1e-2)
    np.testing.assert_allclose(view_over(views, z_um, step_um=0.25)[:, 80:], views.at(1.5)[:, 80:], atol=1e-2)


def test_shift_and_gain_are_what_was_asked(image: np.ndarray) -> None:
    views = FocusedViews(specimen_of(image, 0.4, 0.0), Microscope(), 0.25)
    moved = views.at(0.5, (3.0, -2.0))
    np.testing.assert_allclose(moved, np.roll(views.at(0.5), (3, -2), (0, 1)), atol=0.05)
    plain = replace(QUIET, phase_per_density=0.0, phase_texture=0.0)
    brighter = acquire(image, 0.25, replace(plain, gain=(1.05, 1.0, 0.9)))
    ratio = brighter.second.reshape(-1, 3).mean(0) / brighter.first.reshape(-1, 3).mean(0)
    np.testing.assert_allclose(ratio, (1.05, 1.0, 0.9), atol=0.02)


def test_the_same_seed_gives_the_same_shots(image: np.ndarray) -> None:
    acquisition = draw_acquisition(np.random.default_rng(3))
    one, two = acquire(image, 0.25, acquisition), acquire(image, 0.25, acquisition)
    assert np.array_equal(one.first, two.first)
    other = acquire(image, 0.25, replace(acquisition, seed=acquisition.seed + 1))
    assert not np.array_equal(one.first, other.first)
    assert draw_acquisition(np.random.default_rng(3)) == acquisition != draw_acquisition(np.random.default_rng(4))


def test_smooth_noise_has_unit_spread_and_is_smooth() -> None:
    field = smooth_noise((128, 128), 8.0, np.random.default_rng(0))
    assert field.std() == pytest.approx(1, rel=1e-3)
    assert np.abs(np.diff(field, axis=0)).mean() < 0.2
