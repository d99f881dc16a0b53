import io
import math

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from tests.pairing.sections import moved, section, shot
from wsi_refocus.pairing.registration import estimate_gain, estimate_shift

WINDOW = (slice(64, 320), slice(64, 320))


def jpeg(pixels, quality=85):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "jpeg", quality=quality)
    return np.asarray(Image.open(buffer))


def shots(seed, shift, blurs=(0.8, 1.6), phase=0.0):
    tissue = section(384, 384, seed)
    first = jpeg(shot(tissue, blurs[0], phase, seed=2 * seed))
    second = jpeg(shot(moved(tissue, *shift), blurs[1], -phase, seed=2 * seed + 1))
    return first[WINDOW], second[WINDOW]


@pytest.mark.parametrize("blurs", [(0.8, 0.8), (0.8, 2.4), (2.0, 1.0)])
@pytest.mark.parametrize("phase", [0.0, 1.5])
def test_shift_is_found_to_a_tenth_of_a_pixel(blurs, phase):
    generator = np.random.default_rng(7)
    errors = []
    for seed in range(6):
        shift = generator.uniform(-8, 8, 2)
        found = estimate_shift(*shots(seed, shift, blurs, phase), 32)
        errors.append((found.dy - shift[0], found.dx - shift[1]))
        assert found.confidence > 0.9
    assert np.sqrt(np.mean(np.square(errors))) < 0.1


def test_shift_changes_sign_with_the_order():
    first, second = shots(1, (3.3, -5.6))
    there, back = estimate_shift(first, second, 32), estimate_shift(second, first, 32)
    assert there.dy == pytest.approx(3.3, abs=0.15)
    assert there.dx == pytest.approx(-5.6, abs=0.15)
    assert back.dy == pytest.approx(-there.dy, abs=0.05)
    assert back.dx == pytest.approx(-there.dx, abs=0.05)


def test_far_shift_is_found_within_the_search_range():
    first, second = shots(2, (26.4, -29.7))
    found = estimate_shift(first, second, 32)
    assert (found.dy, found.dx) == (pytest.approx(26.4, abs=0.3), pytest.approx(-29.7, abs=0.3))


def test_stated_error_fits_the_true_one():
    generator = np.random.default_rng(3)
    ratios = []
    for seed in range(20):
        shift = generator.uniform(-4, 4, 2)
        found = estimate_shift(*shots(seed, shift, (0.8, 2.0), 1.0), 32)
        ratios += [(found.dy - shift[0]) / found.error_px, (found.dx - shift[1]) / found.error_px]
    assert 0.2 < np.sqrt(np.mean(np.square(ratios))) < 2


def test_other_tissue_has_low_confidence():
    for seed in range(8):
        first, _ = shots(seed, (0, 0))
        other, _ = shots(seed + 50, (0, 0))
        found = estimate_shift(first, other, 32)
        assert found.confidence < (0.6 if found.error_px < 2 else 0.75)


@pytest.mark.parametrize("shape", [(256, 256), (20, 256), (1, 1)])
def test_nothing_to_see_is_said_to_be_uncertain(shape):
    empty = np.full((*shape, 3), 243, dtype=np.uint8)
    found = estimate_shift(empty, empty, 32)
    assert found.error_px == math.inf
    assert found.texture < 0.001


def test_gain_of_each_channel_is_found_through_defocus_and_shift():
    tissue = section(384, 384, 4)
    first = shot(tissue, 0.8, gain=(0.97, 1.0, 1.03))
    second = shot(moved(tissue, 3, 2), 2.0, seed=1)
    assert estimate_gain(first, second, 3, 2) == pytest.approx((0.97, 1.0, 1.03), abs=0.005)


def test_gain_of_black_windows_is_one():
    black = np.zeros((64, 64, 3), dtype=np.uint8)
    assert estimate_gain(black, black) == (1.0, 1.0, 1.0)


def test_fine_structure_of_opposite_contrast_does_not_mislead():
    for seed in range(4):
        tissue = section(384, 384, seed)
        coarse = ndimage.gaussian_filter(tissue, 4, mode="wrap")
        edges = 2 * (tissue - coarse)
        first = shot(0.5 + coarse + edges, 1.0)
        second = shot(moved(0.5 + coarse - edges, 4.6, -3.3), 1.0, seed=1)
        found = estimate_shift(first[WINDOW], second[WINDOW], 32)
        assert (found.dy, found.dx) == (pytest.approx(4.6, abs=1.0), pytest.approx(-3.3, abs=1.0))
        assert abs(found.dy - 4.6) < 4 * found.error_px
