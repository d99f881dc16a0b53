"""Spectra of an image and two shots: energies, shifts, gains and noise that were put in come out."""

import numpy as np
import pytest

from tests.quality.simulated import SEEDS, section, taken, with_noise
from wsi_refocus.quality.cross_spectra import RINGS, cross_spectra, ring_frequencies
from wsi_refocus.quality.density import optical_density


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.4, -0.7), (1.5, 2.0), (-2.5, 0.2)])
def test_a_shift_of_a_shot_is_found(shift: tuple[float, float]) -> None:
    shots = taken(0.3, shift_px=((0.0, 0.0), shift))
    found = cross_spectra(shots.truth, shots.first, shots.second).shift_px
    assert np.abs(found[0]).max() < 0.02
    assert found[1] == pytest.approx(shift, abs=0.02)


def test_a_shift_is_taken_out_of_what_the_images_have_in_common() -> None:
    still, moved = taken(0.3), taken(0.3, shift_px=((0.0, 0.0), (1.5, 2.0)))
    one, two = (cross_spectra(each.truth, each.first, each.second).moments for each in (still, moved))
    coarse = slice(1, 8)
    assert np.allclose(two[0, 2, coarse], one[0, 2, coarse], rtol=0.05)


def test_the_brightness_of_the_shots_is_found() -> None:
    shots = taken(0.0, gain=(1.05, 1.05, 1.05))
    assert cross_spectra(shots.truth, shots.first, shots.second).brightness == pytest.approx((1.0, 1.05), abs=0.005)


def test_an_image_has_all_its_energy_in_common_with_itself() -> None:
    image = section(0)
    spectra = cross_spectra(image, image, image)
    assert np.allclose(spectra.moments, spectra.moments[0, 0], rtol=1e-4)
    assert np.abs(spectra.shift_px).max() < 1e-6
    assert spectra.brightness == pytest.approx((1, 1))


@pytest.mark.parametrize("size", [(16, 16), (64, 200), (256, 256), (300, 520)])
def test_white_noise_has_its_variance_in_every_ring_and_the_corners(size: tuple[int, int]) -> None:
    grey = np.full((*size, 3), 128, np.uint8)
    images = [with_noise(grey, 6, seed) for seed in range(3)]
    spectra = cross_spectra(*images)
    variance = np.mean([optical_density(each).var() for each in images])
    assert spectra.moments.shape == (3, 3, RINGS)
    measured = np.average(spectra.moments, axis=2, weights=spectra.counts)
    tolerance = 4 / np.sqrt(spectra.counts.sum())
    assert measured.diagonal() == pytest.approx(np.full(3, variance), rel=2 * tolerance + 0.05)
    assert spectra.noise.diagonal() == pytest.approx(np.full(3, variance), rel=3 * tolerance + 0.05)
    assert np.abs(measured[[0, 0, 1], [1, 2, 2]]).max() < (tolerance + 0.02) * variance


@pytest.mark.parametrize("seed", SEEDS)
def test_a_wave_lies_in_the_ring_of_its_frequency(seed: int) -> None:
    ring = 5 + 4 * seed
    columns = np.arange(256)
    wave = 128 + 40 * np.cos(2 * np.pi * ring_frequencies()[ring] * columns)
    image = np.repeat(np.tile(np.rint(wave).astype(np.uint8), (256, 1))[..., np.newaxis], 3, axis=2)
    spectra = cross_spectra(image, image, image)
    energy = spectra.moments[0, 0] * spectra.counts
    assert int(energy.argmax()) == ring
    assert energy[ring - 1 : ring + 2].sum() > 0.9 * energy.sum()


def test_how_large_a_place_is_hardly_matters() -> None:
    small, large = section(1, 256), section(1, 640)
    one, two = (cross_spectra(each, each, each).moments[0, 0, 3:16] for each in (small, large))
    assert np.allclose(one, two, rtol=0.35)


def test_a_place_without_contrast_gives_numbers() -> None:
    white = np.full((64, 64, 3), 255, np.uint8)
    spectra = cross_spectra(white, white, white)
    assert np.all(spectra.moments == 0) and np.all(spectra.shift_px == 0)


def test_counts_are_how_many_values_an_average_is_worth() -> None:
    """Averages of n independent powers scatter by 1/√n of their size."""
    grey = np.full((64, 128, 3), 128, np.uint8)
    found = [cross_spectra(*([with_noise(grey, 6, seed)] * 3)) for seed in range(60)]
    powers = np.stack([each.moments[0, 0] for each in found])
    worth = np.square(powers.mean(axis=0)) / powers.var(axis=0)
    ratios = worth[4:] / found[0].counts[4:]
    assert 0.6 < np.median(ratios) < 1.7
