"""Transfer functions against what theory says of them."""

from dataclasses import replace

import numpy as np
import pytest

from wsi_refocus.optics.transfer import Microscope, weak_object_transfer

GREEN = 1
FREQUENCY = np.linspace(0, 3.2, 129)


@pytest.fixture(params=[0.5, 0.9])
def optics(request: pytest.FixtureRequest) -> Microscope:
    return Microscope(condenser_ratio=request.param)


@pytest.mark.parametrize("z_um", [0.0, 0.7, -2.0])
def test_brightness_is_kept(optics: Microscope, z_um: float) -> None:
    transfer = weak_object_transfer(optics, GREEN, z_um, np.zeros(1))
    assert transfer.absorption[0] == pytest.approx(1)
    assert transfer.phase[0] == pytest.approx(0, abs=1e-12)


def test_nothing_passes_beyond_the_cut_off(optics: Microscope) -> None:
    cut_off = (1 + optics.condenser_ratio) * optics.numerical_aperture / optics.wavelengths_um[GREEN]
    transfer = weak_object_transfer(optics, GREEN, 0.5, FREQUENCY)
    assert np.abs(transfer.absorption[cut_off < FREQUENCY]).max() == 0
    assert np.abs(transfer.phase[cut_off < FREQUENCY]).max() == 0
    assert np.abs(transfer.absorption[0.7 * cut_off > FREQUENCY]).max() > 0.1


def test_absorption_is_even_and_phase_is_odd_in_z(optics: Microscope) -> None:
    above = weak_object_transfer(optics, GREEN, 1.0, FREQUENCY)
    below = weak_object_transfer(optics, GREEN, -1.0, FREQUENCY)
    np.testing.assert_allclose(above.absorption, below.absorption, atol=1e-12)
    np.testing.assert_allclose(above.phase, -below.phase, atol=1e-12)
    assert np.abs(above.phase).max() > 0.1


def test_phase_is_invisible_in_focus_and_aberration_makes_it_visible(optics: Microscope) -> None:
    assert np.abs(weak_object_transfer(optics, GREEN, 0.0, FREQUENCY).phase).max() < 1e-12
    aberrated = replace(optics, spherical_waves=0.15)
    assert np.abs(weak_object_transfer(aberrated, GREEN, 0.0, FREQUENCY).phase).max() > 0.02


def test_fully_incoherent_light_gives_the_transfer_of_a_round_pupil() -> None:
    """With a condenser as wide as the objective, the absorption in focus is the diffraction-limited OTF."""
    optics = Microscope(condenser_ratio=1.0)
    edge = optics.numerical_aperture / optics.wavelengths_um[GREEN]
    frequency = np.linspace(0, 1.9 * edge, 20)
    half = frequency / (2 * edge)
    expected = 2 / np.pi * (np.arccos(half) - half * np.sqrt(1 - half**2))
    measured = weak_object_transfer(optics, GREEN, 0.0, frequency).absorption
    np.testing.assert_allclose(measured, expected, atol=0.02)


def test_axial_colour_moves_the_focus_of_a_channel() -> None:
    optics = Microscope(axial_colour_um=(0.4, 0.0, 0.0))
    moved = weak_object_transfer(optics, 0, 0.4, FREQUENCY).absorption
    plain = weak_object_transfer(Microscope(), 0, 0.0, FREQUENCY).absorption
    np.testing.assert_allclose(moved, plain, atol=1e-12)


def test_a_thick_section_transfers_less_detail() -> None:
    thin = weak_object_transfer(Microscope(), GREEN, 0.0, FREQUENCY).absorption
    thick = weak_object_transfer(Microscope(thickness_um=3.0), GREEN, 0.0, FREQUENCY).absorption
    assert thick[20:60].mean() < 0.9 * thin[20:60].mean()
