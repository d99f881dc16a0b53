"""Images by Abbe's method."""

import numpy as np
import pytest
from scipy import ndimage

from tests.support.two_shot import tissue
from wsi_refocus.optics.abbe import AbbeViews
from wsi_refocus.optics.focusing import FocusedViews
from wsi_refocus.optics.specimen import GLASS, Specimen
from wsi_refocus.optics.transfer import Microscope

MPP = 0.25
EDGE = 64


def field(sigma, seed=0):
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((EDGE, EDGE)), sigma, mode="wrap")
    return (noise / noise.std()).astype(np.float32)


def specimen(density, phase):
    return Specimen(np.broadcast_to(density, (3, EDGE, EDGE)).astype(np.float32), phase.astype(np.float32))


NOTHING = np.zeros((EDGE, EDGE), np.float32)


@pytest.mark.parametrize("z_um", [-1.0, 0.0, 2.0])
def test_empty_glass_is_empty_at_every_focus(z_um):
    np.testing.assert_allclose(AbbeViews(specimen(NOTHING, NOTHING), Microscope(), MPP).at(z_um), GLASS, rtol=1e-4)


@pytest.mark.parametrize("z_um", [-1.5, 0.5])
def test_weak_objects_look_as_the_weak_object_model_says(z_um):
    """For densities and phases of 0.02 both agree to 3 % of the contrast."""
    optics = Microscope(condenser_ratio=0.6)
    density, phase = 0.02 * field(2.0), 0.02 * field(2.0, 1)
    abbe = AbbeViews(specimen(density, phase), optics, MPP, source_points=200)
    weak = FocusedViews(specimen(density, phase), optics, MPP)
    # the weak-object views take the density for that seen in focus
    in_focus = [np.log(views.at(z_um) / views.at(0.0)) for views in (abbe, weak)]
    assert np.std(in_focus[0] - in_focus[1]) < 0.03 * np.std(in_focus[1])


def test_the_sides_of_focus_differ_with_phase_and_only_with_phase():
    optics = Microscope(condenser_ratio=0.7)
    density, phase = 0.4 * np.abs(field(2.0)), 0.5 * field(2.0)
    with_phase = AbbeViews(specimen(density, phase), optics, MPP)
    without = AbbeViews(specimen(density, NOTHING), optics, MPP)
    difference = [np.std(views.at(1.0) - views.at(-1.0)) for views in (with_phase, without)]
    assert difference[0] > 10
    assert difference[1] < 0.01


def test_edges_of_phase_turn_from_dark_to_bright_through_focus():
    """Light bends towards where the phase is larger: a bump is a lens, bright above focus and dark below."""
    y, x = np.mgrid[:EDGE, :EDGE] - EDGE / 2
    bump = np.exp(-(y**2 + x**2) / 18)
    views = AbbeViews(specimen(NOTHING, 0.3 * bump), Microscope(), MPP)
    middle = (EDGE // 2, EDGE // 2)
    low, focus, high = (float(views.at(z)[middle].mean()) for z in (-0.8, 0.0, 0.8))
    assert high - focus > 5
    assert focus - low > 5


def test_full_aperture_without_phase_is_the_incoherent_model():
    """With the condenser as wide as the objective: weak densities blur with the incoherent transfer.

    The transfer functions agree at focus for a condenser ratio of 1 (Streibl 1985); the bound is 2 % of the contrast.
    """
    from wsi_refocus.optics.transfer import weak_object_transfer

    optics = Microscope(condenser_ratio=1.0)
    density = 0.02 * field(1.5)
    view = AbbeViews(specimen(density, NOTHING), optics, MPP, source_points=300).at(0.0)
    frequency = np.hypot(np.fft.fftfreq(EDGE, MPP)[:, np.newaxis], np.fft.rfftfreq(EDGE, MPP))
    for channel in range(3):
        cutoff = 2 * optics.numerical_aperture / optics.wavelengths_um[channel]
        u = np.minimum(frequency / cutoff, 1)
        incoherent = 2 / np.pi * (np.arccos(u) - u * np.sqrt(1 - u**2))
        expected = -np.fft.irfft2(np.fft.rfft2(density) * incoherent, s=density.shape)
        seen = np.log(view[..., channel] / GLASS)
        assert np.std(seen - expected) < 0.02 * np.std(expected)
        radii = np.linspace(0, cutoff, 20)
        weak = weak_object_transfer(optics, channel, 0.0, radii).absorption
        v = radii / cutoff
        np.testing.assert_allclose(weak, 2 / np.pi * (np.arccos(v) - v * np.sqrt(1 - v**2)), atol=0.02)


def test_content_moves_by_the_shift():
    views = AbbeViews(specimen(np.abs(field(1.5)), NOTHING), Microscope(), MPP, source_points=6)
    np.testing.assert_allclose(views.at(0.5, (3.0, -2.0)), np.roll(views.at(0.5), (3, -2), (0, 1)), atol=0.3)


def test_real_tissue_stays_between_black_and_glass():
    image = tissue((EDGE, EDGE), seed=2)
    density = -np.log(np.moveaxis(image, 2, 0).astype(np.float32).clip(1) / GLASS)
    view = AbbeViews(Specimen(density, 0.8 * density.mean(axis=0)), Microscope(), MPP).at(0.7)
    assert view.min() > 0
    assert view.max() < 2 * GLASS


@pytest.mark.parametrize(("mpp", "aperture"), [(0.2, 0.85), (0.25, 0.75), (0.5, 0.85)])
def test_the_small_grids_lose_nothing(mpp, aperture):
    """The sum over the source, written down directly on a grid three times as fine as the pixels."""
    optics = Microscope(aperture, condenser_ratio=0.8, spherical_waves=0.1)
    density, phase = 0.4 * np.abs(field(2.0)), 0.5 * field(2.0, 1)
    views = AbbeViews(specimen(density, phase), optics, mpp)
    fine = 3 * EDGE
    frequency = np.fft.fftfreq(fine, mpp / 3)
    transmission = np.exp(-_finer(density, fine) / 2 + 1j * _finer(phase, fine))
    wavelength = optics.wavelengths_um[1]
    edge = aperture / wavelength
    total = np.zeros((fine, fine))
    for sy, sx in views._source.T * edge:
        squared = (frequency[:, None] + sy) ** 2 + (frequency + sx) ** 2
        axial = np.sqrt(np.maximum(wavelength**-2 - squared, 0)) - 1 / wavelength
        waves = (1.0 - optics.axial_colour_um[1]) * axial + 0.1 * (squared / edge**2) ** 2
        pupil = (squared <= edge**2) * np.exp(2j * np.pi * waves)
        total += np.abs(np.fft.ifft2(np.fft.fft2(transmission) * pupil)) ** 2
    expected = GLASS * _finer(total / views._source.shape[1], EDGE)
    np.testing.assert_allclose(views.at(1.0)[..., 1], expected, atol=0.05)


def _finer(image, edge):
    """Image on another grid over the same area, without the highest frequency, which has no partner."""
    keep = np.abs(np.fft.fftfreq(min(len(image), edge), 1 / min(len(image), edge))) < min(len(image), edge) / 2
    number = np.fft.fftfreq(min(len(image), edge), 1 / min(len(image), edge)).astype(int)[keep]
    spectrum = np.zeros((edge, edge), complex)
    spectrum[np.ix_(number % edge, number % edge)] = np.fft.fft2(image)[np.ix_(number, number)]
    return np.fft.ifft2(spectrum).real * (edge / len(image)) ** 2
