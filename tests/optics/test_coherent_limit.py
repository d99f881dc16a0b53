"""Transfer out of focus in the one case that has a formula: a condenser that is closed."""

from __future__ import annotations

import numpy as np

from wsi_refocus.optics.transfer import Microscope, weak_object_transfer

GREEN = 1


def test_closed_condenser_gives_the_transfer_of_a_defocused_wave():
    """Hₐ = cos(π λ z f²) and Hₚ = ±2 sin(π λ z f²), with opposite signs on the two sides of focus."""
    optics = Microscope(condenser_ratio=0.0)
    frequency = np.linspace(0, 0.5, 21)
    angle = np.pi * optics.wavelengths_um[GREEN] * 2.0 * frequency**2
    above, below = (weak_object_transfer(optics, GREEN, z, frequency) for z in (2.0, -2.0))
    np.testing.assert_allclose(above.absorption, np.cos(angle), atol=0.02)
    np.testing.assert_allclose(np.abs(above.phase), 2 * np.abs(np.sin(angle)), atol=0.04)
    np.testing.assert_allclose(above.phase, -below.phase, atol=1e-12)
