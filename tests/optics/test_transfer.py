"""Weak-object transfer functions against the cases that have a formula."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from wsi_refocus.optics.transfer import Microscope, weak_object_transfer

GREEN = 1
OPTICS = Microscope(numerical_aperture=0.75, condenser_ratio=0.7)
FREQUENCY = np.linspace(0, 3, 61)


def transfer(z_um, frequency=FREQUENCY, channel=GREEN, **changes):
    return weak_object_transfer(replace(OPTICS, **changes), channel, z_um, frequency)


@pytest.mark.parametrize("z_um", [-2.0, 0.0, 0.4, 3.0])
@pytest.mark.parametrize("thickness_um", [0.0, 2.0])
def test_light_is_neither_lost_nor_made(z_um, thickness_um):
    result = transfer(z_um, thickness_um=thickness_um)
    assert result.absorption[0] == pytest.approx(1)
    assert result.phase[0] == pytest.approx(0, abs=1e-12)


def test_absorption_is_even_and_phase_is_odd_in_z():
    for thickness in (0.0, 2.0):
        above, below = (transfer(z, thickness_um=thickness) for z in (0.8, -0.8))
        np.testing.assert_allclose(above.absorption, below.absorption, atol=1e-12)
        np.testing.assert_allclose(above.phase, -below.phase, atol=1e-12)
        assert np.abs(above.phase).max() > 0.1


def test_phase_is_invisible_in_focus():
    np.testing.assert_allclose(transfer(0.0).phase, 0, atol=1e-12)


def test_coherent_light_gives_the_formula_of_a_defocused_wave():
    """Condenser closed: Hₐ = cos(π λ z f²) and Hₚ = ±2 sin(π λ z f²) up to the edge of the pupil."""
    wavelength = OPTICS.wavelengths_um[GREEN]
    low = np.linspace(0, 0.5, 21)
    result = transfer(2.0, low, condenser_ratio=0.0)
    angle = np.pi * wavelength * 2.0 * low**2
    np.testing.assert_allclose(result.absorption, np.cos(angle), atol=0.02)
    np.testing.assert_allclose(np.abs(result.phase), 2 * np.abs(np.sin(angle)), atol=0.04)
    assert np.all(transfer(0.0, condenser_ratio=0.0).absorption[0.75 / wavelength + 0.01 < FREQUENCY] == 0)


def test_open_condenser_gives_the_incoherent_transfer_in_focus():
    cut_off = 2 * OPTICS.numerical_aperture / OPTICS.wavelengths_um[GREEN]
    ratio = np.clip(FREQUENCY / cut_off, 0, 1)
    airy = 2 / np.pi * (np.arccos(ratio) - ratio * np.sqrt(1 - ratio**2))
    np.testing.assert_allclose(transfer(0.0, condenser_ratio=1.0).absorption, airy, atol=0.03)


@pytest.mark.parametrize("condenser_ratio", [0.5, 0.7, 0.9])
def test_nothing_passes_beyond_the_cut_off(condenser_ratio):
    cut_off = (1 + condenser_ratio) * OPTICS.numerical_aperture / OPTICS.wavelengths_um[GREEN]
    result = transfer(0.5, condenser_ratio=condenser_ratio)
    assert np.all(result.absorption[cut_off < FREQUENCY] == 0)
    assert np.all(result.phase[cut_off < FREQUENCY] == 0)
    assert np.any(result.absorption[cut_off * 0.9 > FREQUENCY] != 0)


def test_spherical_aberration_and_axial_colour_tell_the_sides_of_focus_apart():
    above, below = (transfer(z, spherical_waves=0.1).absorption for z in (0.8, -0.8))
    assert np.abs(above - below).max() > 0.02
    moved = transfer(1.0, channel=0, axial_colour_um=(0.3, 0.0, 0.0))
    np.testing.assert_allclose(moved.absorption, transfer(0.7, channel=0).absorption, atol=1e-12)


def test_thickness_averages_over_depth():
    depths = (-0.8, -0.4, 0.0, 0.4, 0.8)
    expected = np.mean([transfer(0.5 - depth).absorption for depth in depths], axis=0)
    np.testing.assert_allclose(transfer(0.5, thickness_um=2.0).absorption, expected, atol=1e-12)
