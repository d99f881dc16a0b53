"""Where a simulated scanner finds focus."""

import numpy as np
import pytest

from wsi_refocus.optics.autofocus import HEIGHTS_UM, sharpest_height
from wsi_refocus.optics.focusing import FocusedViews
from wsi_refocus.optics.scanner import Acquisition, draw_acquisition, scan, views_of
from wsi_refocus.optics.specimen import Specimen, draw_smear, faded
from wsi_refocus.optics.transfer import Microscope

MPP = 0.3


def smear(phase: float) -> Specimen:
    drawn = faded(draw_smear(128, MPP, np.random.default_rng(4)), 10)
    return Specimen(drawn.density, phase * drawn.density.mean(axis=0))


def test_without_phase_the_sharpest_view_is_that_of_least_blur():
    assert sharpest_height(FocusedViews(smear(0.0), Microscope(), MPP)) == pytest.approx(0, abs=0.05)


def test_without_phase_it_moves_with_the_focus_of_the_optics():
    optics = Microscope(axial_colour_um=(0.4, 0.4, 0.4))
    assert sharpest_height(FocusedViews(smear(0.0), optics, MPP)) == pytest.approx(0.4, abs=0.05)


def test_phase_moves_the_sharpest_view_to_one_side():
    """Below focus what is dense and delays the light loses contrast, above it gains, or the other way with the sign."""
    heights = [sharpest_height(FocusedViews(smear(phase), Microscope(), MPP)) for phase in (1.5, -1.5)]
    assert heights[0] * heights[1] < 0
    assert all(0.1 < abs(height) <= max(HEIGHTS_UM) for height in heights)


@pytest.mark.parametrize("model", ["weak", "abbe", "incoherent"])
def test_the_truth_of_a_scan_is_the_view_that_is_called_in_focus(model):
    specimen = smear(1.5)
    acquisition = Acquisition(defocus_offset_um=0.6, focus_um=-0.4, model=model, electrons=1e9, read_noise=0.0)
    shots = scan(specimen, MPP, acquisition, np.random.default_rng(0))
    views = views_of(specimen, MPP, acquisition)
    for height, shot in ((-1.0, shots.first), (0.2, shots.second), (-0.4, shots.truth)):
        assert np.abs(np.clip(views.at(height), 0, 255) - shot).max() < 1.1


def test_drawn_acquisitions_keep_to_their_ranges():
    generator = np.random.default_rng(0)
    drawn = [draw_acquisition(generator, smear=bool(number % 2)) for number in range(400)]
    offsets = np.array([each.defocus_offset_um for each in drawn])
    assert 0.4 <= offsets.min() < offsets.max() <= 1.6
    assert np.median(offsets) == pytest.approx(0.8, abs=0.08)
    assert all(each.optics.thickness_um <= 0.5 for each in drawn[1::2])
    assert np.mean([each.model == "abbe" for each in drawn[1::2]]) == pytest.approx(0.67, abs=0.1)
    between = np.mean([abs(each.drift_um) < each.defocus_offset_um for each in drawn])
    assert 0.55 < between < 0.85
