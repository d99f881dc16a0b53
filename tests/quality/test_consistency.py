"""Blurring an image again: a true one predicts both shots, one with something added does not.

Tolerances are what was measured on simulated shots of nominal optics, three sections of tissue and drifts up to
1.5 µm: heights within 0.15 µm, χ² of the truth up to 1.1.
"""

import numpy as np
import pytest
from scipy import ndimage

from tests.quality.simulated import (
    OFFSET_UM,
    SEEDS,
    Image,
    nominal,
    planted,
    section,
    sharpened,
    taken,
    with_noise,
)
from wsi_refocus.optics.scanner import TwoShots
from wsi_refocus.quality.consistency import Reblurred, reblur, transfers_at
from wsi_refocus.quality.cross_spectra import RINGS, CrossSpectra, cross_spectra

DRIFTS_UM = (-1.5, -0.9, -0.3, 0.0, 0.3, 0.6, 1.5)


def _fit(output: Image, shots: TwoShots, spacing_um: float = 2 * OFFSET_UM) -> Reblurred:
    return reblur(cross_spectra(output, shots.first, shots.second), nominal(), spacing_um)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("drift_um", DRIFTS_UM)
def test_the_truth_predicts_both_shots_from_their_heights(drift_um: float, seed: int) -> None:
    shots = taken(drift_um, seed)
    fit = _fit(shots.truth, shots)
    assert fit.z_um == pytest.approx((-OFFSET_UM - drift_um, OFFSET_UM - drift_um), abs=0.2)
    assert max(fit.chi2) < 1.25
    assert fit.unvouched < 0.01


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("drift_um", [-0.9, 0.0, 0.3])
def test_what_was_tampered_with_predicts_them_far_worse(drift_um: float, seed: int) -> None:
    shots = taken(drift_um, seed)
    true = max(_fit(shots.truth, shots).chi2)
    assert max(_fit(sharpened(shots.truth), shots).chi2) > 8 * true
    assert max(_fit(planted(shots.truth), shots).chi2) > 2.5 * true
    assert max(_fit(section(seed + 40), shots).chi2) > 25 * true


@pytest.mark.parametrize(("heights", "alpha"), [((-0.93, 0.61), 0.5), ((-1.47, 0.05), 0.25)])
def test_heights_between_those_that_are_tabled_are_found(heights: tuple[float, float], alpha: float) -> None:
    """Spectra as the model has them: of a specimen, and of shots of it whose phase follows the density."""
    transfers = nominal()
    density, phase = transfers_at(transfers, np.array(heights))
    seen = np.stack([np.ones(RINGS), *(density - alpha * phase)])
    power = 1 / (1 + np.arange(RINGS)) ** 2
    noise = np.diag([0.0, 1e-7, 1e-7])
    moments = seen[:, np.newaxis] * seen * power + noise[..., np.newaxis]
    spectra = CrossSpectra(moments, 20.0 * (1 + np.arange(RINGS)), noise, np.zeros((2, 2)), np.ones(2))
    fit = reblur(spectra, transfers, 2 * OFFSET_UM)
    assert fit.z_um == pytest.approx(heights, abs=0.06)
    assert fit.phase_per_density == pytest.approx(alpha, abs=0.25)
    assert max(fit.chi2) < 1 and fit.tension == pytest.approx(0, abs=0.01)


def test_heights_are_not_pulled_to_a_distance_that_is_known_wrongly() -> None:
    """The known distance decides only between heights that explain the shots about equally well."""
    shots = taken(0.3)
    right, wrong = _fit(shots.truth, shots), _fit(shots.truth, shots, spacing_um=3.0)
    assert wrong.z_um == pytest.approx(right.z_um, abs=0.35)
    assert wrong.z_um[1] - wrong.z_um[0] < 2.2


def test_shots_in_the_wrong_order_come_out_so_or_are_told_by_the_tension() -> None:
    shots = taken(1.5)
    exchanged = reblur(cross_spectra(shots.truth, shots.second, shots.first), nominal(), 2 * OFFSET_UM)
    assert exchanged.z_um[1] < exchanged.z_um[0]
    near = taken(-0.3)
    assert _fit(near.truth, near).tension == pytest.approx(0, abs=0.005)
    exchanged = reblur(cross_spectra(near.truth, near.second, near.first), nominal(), 2 * OFFSET_UM)
    assert exchanged.z_um[1] < exchanged.z_um[0] or exchanged.tension > 0.01


@pytest.mark.parametrize("seed", SEEDS)
def test_detail_where_neither_shot_shows_any_is_unvouched(seed: int) -> None:
    shots = taken(0.3, seed)
    blurred: Image = ndimage.gaussian_filter(shots.truth, (6, 6, 0))
    shares = [_fit(each, shots).unvouched for each in (blurred, with_noise(blurred, 4), with_noise(blurred, 8))]
    assert shares[0] < 0.02
    assert shares[1] > 0.05
    assert shares[2] > 2 * shares[1]
    assert max(shares) <= 1


def test_transfers_between_those_that_are_tabled_are_interpolated() -> None:
    transfers = nominal()
    heights = transfers.heights_um
    density, phase = transfers_at(transfers, heights[10:12])
    assert np.allclose(density, transfers.density[10:12]) and np.allclose(phase, transfers.phase[10:12])
    middle, _ = transfers_at(transfers, np.array([(heights[10] + heights[11]) / 2]))
    assert np.allclose(middle[0], transfers.density[10:12].mean(axis=0))
    far, _ = transfers_at(transfers, np.array([-99.0, 99.0]))
    assert far.shape == (2, RINGS)
    assert np.allclose(far, transfers.density[[0, -1]], atol=0.01)


def test_nominal_transfers_are_those_of_a_microscope() -> None:
    """In focus density passes as it is, as far as optics pass anything; out of focus it fades, and phase is odd."""
    transfers = nominal()
    middle = len(transfers.heights_um) // 2
    assert transfers.heights_um[middle] == 0
    assert np.all(transfers.density[middle, :8] > 0.8) and np.all(transfers.density[middle] <= 1)
    coarse = slice(1, 6)
    assert np.all(transfers.density[middle + 5, coarse] < transfers.density[middle, coarse])
    assert np.allclose(transfers.phase[middle], 0, atol=1e-6)
    assert np.allclose(transfers.phase, -transfers.phase[::-1], atol=1e-6)
