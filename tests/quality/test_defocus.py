"""Where focus lies, from two shots alone. Measured on simulated shots: drifts within 0.5 µm, and on the right side."""

import numpy as np
import pytest

from tests.quality.simulated import OFFSET_UM, SEEDS, nominal, section, taken
from wsi_refocus.quality.cross_spectra import cross_spectra
from wsi_refocus.quality.defocus import ShotFocus, focus_of_shots


def _focus(first: np.ndarray, second: np.ndarray) -> ShotFocus:
    return focus_of_shots(cross_spectra(first, first, second), nominal(), OFFSET_UM)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("drift_um", [-1.5, -0.9, -0.3, 0.3, 0.6, 0.9, 1.5])
def test_the_drift_is_found_and_its_side(drift_um: float, seed: int) -> None:
    shots = taken(drift_um, seed)
    focus = _focus(shots.first, shots.second)
    assert focus.drift_um == pytest.approx(drift_um, abs=0.5)
    assert np.sign(focus.drift_um) == np.sign(drift_um)
    assert 0 <= focus.spread_um < 0.6


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("drift_um", [0.0, 0.6, 1.5])
def test_the_order_of_the_shots_shows_in_their_phase(drift_um: float, seed: int) -> None:
    shots = taken(drift_um, seed)
    named, exchanged = _focus(shots.first, shots.second), _focus(shots.second, shots.first)
    assert named.order > 0.03
    assert exchanged.order < -0.03


@pytest.mark.parametrize("electrons", [6_000.0, 20_000.0])
@pytest.mark.parametrize("drift_um", [0.0, 0.6, 3.0])
def test_two_shots_have_no_noise_in_common_and_one_twice_all(drift_um: float, electrons: float) -> None:
    shots = taken(drift_um, electrons=electrons)
    assert abs(_focus(shots.first, shots.second).noise_in_common) < 0.15
    for shot in (shots.first, shots.second):
        assert _focus(shot, shot).noise_in_common == pytest.approx(1)


def test_the_same_shot_with_noise_of_its_own_has_less_in_common() -> None:
    """Half of the variance of each in common."""
    generator = np.random.default_rng(0)
    shared, first, second = (generator.normal(0, 4, (256, 256, 3)) for _ in range(3))
    one, two = (np.clip(np.rint(128 + shared + each), 0, 255).astype(np.uint8) for each in (first, second))
    assert _focus(one, two).noise_in_common == pytest.approx(0.5, abs=0.05)


def test_a_pair_that_shows_different_places_fits_no_drift() -> None:
    shots = taken(0.3)
    other = section(40)
    assert _focus(shots.first, other).misfit > 2 * _focus(shots.first, shots.second).misfit
