"""Cases of another scanner and another laboratory."""

import numpy as np
import pytest
from skimage.color import rgb2hed

from tests.support.two_shot import tissue
from wsi_refocus.evaluation.shifted import draw_shifted, focus_of_least_error, restained, shifted_case
from wsi_refocus.evaluation.simulated import FIELD, UNIFORM_DRIFT_UM, Protocol, simulated_case
from wsi_refocus.optics.transfer import Microscope, weak_object_transfer
from wsi_refocus.training.manifest import Entry

DRAWN = [draw_shifted(np.random.default_rng(seed), 0.25) for seed in range(80)]


def test_the_optics_are_none_that_networks_are_trained_on() -> None:
    apertures = np.array([each.optics.numerical_aperture for each in DRAWN])
    ratios = np.array([each.optics.condenser_ratio for each in DRAWN])
    assert ((apertures < 0.55) | (apertures > 0.88)).all()
    assert ((ratios < 0.4) | (ratios > 0.95)).all()
    assert min(abs(each.optics.spherical_waves) for each in DRAWN) >= 0.2
    red, green, blue = np.array([each.optics.axial_colour_um for each in DRAWN]).T
    assert min(np.abs(red - green).min(), np.abs(blue - green).min()) >= 0.35
    assert {each.model for each in DRAWN} == {"weak", "abbe"}
    assert 0.4 < np.mean([each.electrons < 6000 for each in DRAWN]) < 0.8


def test_large_pixels_keep_strong_phase_to_the_low_aperture() -> None:
    drawn = [draw_shifted(np.random.default_rng(seed), 0.5) for seed in range(40)]
    assert {each.optics.numerical_aperture < 0.55 for each in drawn if each.model == "abbe"} == {True}
    assert {each.optics.numerical_aperture < 0.55 for each in drawn if each.model == "weak"} == {True, False}


@pytest.mark.parametrize("spherical", [0.25, -0.25])
def test_aberrated_optics_are_sharpest_where_they_are_focused(spherical: float) -> None:
    optics, frequency = Microscope(numerical_aperture=0.9, spherical_waves=spherical), np.linspace(0.2, 2, 10)
    best = focus_of_least_error(0.9, spherical, optics.wavelengths_um[1])
    assert best * spherical > 0
    seen = [weak_object_transfer(optics, 1, height, frequency).absorption.sum() for height in (0, best, 2 * best)]
    assert seen[1] > seen[0]
    assert seen[1] > seen[2]


def test_stains_move_apart_and_glass_stays_white() -> None:
    image = tissue((256, 256), seed=1)
    image[:16] = 245
    changed = [restained(image, np.random.default_rng(seed)) for seed in range(6)]
    assert max(np.abs(each[:16].astype(int) - 245).max() for each in changed) <= 1
    stains = np.array([rgb2hed(each[16:]).mean(axis=(0, 1)) for each in (image, *changed)])
    ratios = np.log(stains[:, 0] / stains[:, 1])
    assert np.ptp(ratios) > 0.6
    assert ratios.min() < ratios[0] < ratios.max()
    assert np.array_equal(changed[1], restained(image, np.random.default_rng(1)))


def test_cases_are_the_same_again_and_differ_from_plain_ones(entries: list[Entry]) -> None:
    case, again = (shifted_case(entries, 3, seed=5) for _ in range(2))
    assert case.truth.shape == (FIELD, FIELD, 3)
    assert np.array_equal(case.first, again.first)
    assert np.array_equal(case.truth, again.truth)
    assert case.drift_um == again.drift_um != shifted_case(entries, 3, seed=6).drift_um
    assert case.name == entries[1].path.name
    assert not np.array_equal(case.truth, simulated_case(entries, Protocol(seed=5), 3).truth)


def test_drifts_are_drawn_as_they_occur_or_evenly(entries: list[Entry]) -> None:
    few = [entries[0]]
    even = [shifted_case(few, number, drifts="uniform").drift_um for number in range(2)]
    near = shifted_case(few, 0, spread_um=0.01).drift_um
    plain = [simulated_case(few, Protocol("uniform", "planar"), number).drift_um for number in range(2)]
    assert 0.5 < max(map(abs, even)) <= UNIFORM_DRIFT_UM
    assert abs(near) < 0.05
    assert 1 < max(map(abs, plain)) <= UNIFORM_DRIFT_UM
