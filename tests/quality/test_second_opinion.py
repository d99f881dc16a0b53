"""What wave optics expects of an image, where the heights of the shots are known."""

import pytest

from tests.quality.simulated import OFFSET_UM, SEEDS, Image, nominal, planted, sharpened, taken
from wsi_refocus.quality.cross_spectra import cross_spectra
from wsi_refocus.quality.second_opinion import Expected, expected_of


def _expected(output: Image, drift_um: float, seed: int) -> Expected:
    shots = taken(drift_um, seed)
    heights = (-OFFSET_UM - drift_um, OFFSET_UM - drift_um)
    spectra = cross_spectra(output, shots.first, shots.second)
    return expected_of(spectra, nominal(), heights, second_is_sharper=drift_um > 0)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("drift_um", [0.0, 0.3])
def test_the_truth_is_expected_to_be_better_than_the_sharper_shot(drift_um: float, seed: int) -> None:
    shots = taken(drift_um, seed)
    truth = _expected(shots.truth, drift_um, seed)
    assert truth.gain_db > 3
    assert truth.agreement == pytest.approx(1, abs=0.15)
    sharper = shots.second if drift_um > 0 else shots.first
    as_it_is = _expected(sharper, drift_um, seed)
    assert as_it_is.gain_db == pytest.approx(0, abs=1e-6)
    assert as_it_is.agreement == pytest.approx(0, abs=1e-3)
    assert truth.error < as_it_is.error


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("drift_um", [-0.9, 0.0, 0.3])
def test_what_was_tampered_with_is_expected_to_be_worse(drift_um: float, seed: int) -> None:
    shots = taken(drift_um, seed)
    for tampered in (sharpened(shots.truth), planted(shots.truth)):
        expected = _expected(tampered, drift_um, seed)
        assert expected.gain_db < -1
        assert expected.agreement < 0.5
        assert expected.error > _expected(shots.truth, drift_um, seed).error


def test_the_sharper_shot_is_the_one_that_is_said() -> None:
    """The second shot is its own sharper shot, and the first is not."""
    shots = taken(0.3)
    spectra = cross_spectra(shots.second, shots.first, shots.second)
    heights = (-OFFSET_UM - 0.3, OFFSET_UM - 0.3)
    right, wrong = (expected_of(spectra, nominal(), heights, second_is_sharper=each) for each in (True, False))
    assert right.gain_db == pytest.approx(0, abs=1e-6)
    assert wrong.gain_db > 1
