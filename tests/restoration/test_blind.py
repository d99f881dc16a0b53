"""Blind deblurring of the sharper shot: blurs are found, undone, and tiles join."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from tests.support.two_shot import tissue, two_planes
from wsi_refocus.evaluation.case import restored
from wsi_refocus.methods import MethodSpec, make_method
from wsi_refocus.quality.fidelity import psnr
from wsi_refocus.restoration.blind import KERNEL, find_blur, undone
from wsi_refocus.restoration.dark_channel import dark_channel_step
from wsi_refocus.restoration.graph_prior import graph_step
from wsi_refocus.restoration.local_deblurring import SQUARE, LocalDeblurring


@pytest.mark.parametrize("step", [dark_channel_step, graph_step])
def test_a_blur_is_found_and_undone(step):
    """Dark blobs and bars on a bright ground, blurred by a known Gaussian."""
    generator = np.random.default_rng(1)
    scene = np.full((160, 160), 0.95, np.float32)
    for _ in range(60):
        y, x, h, w = (int(each) for each in generator.integers((8, 8, 3, 3), (140, 140, 20, 20)))
        scene[y : y + h, x : x + w] = generator.uniform(0.02, 0.6)
    shot = gaussian_filter(scene, 1.8)
    kernel = find_blur(shot, step)
    assert kernel.shape == (KERNEL, KERNEL)
    line = np.arange(KERNEL) - KERNEL // 2
    width = np.sqrt((kernel * (line[:, None] ** 2 + line**2)).sum() / 2)
    assert 0.9 < width < 2.8
    before, after = (float(np.mean((each - scene) ** 2)) for each in (shot, undone(shot, kernel)))
    assert 10 * np.log10(before / after) > 1.0


@pytest.mark.parametrize("name", ["dark_channel", "graph_prior"])
def test_a_blurred_picture_gains_decibels(name):
    truth = tissue(SQUARE, seed=4)
    shot = np.round(gaussian_filter(truth.astype(np.float32), (1.5, 1.5, 0))).astype(np.uint8)
    assert psnr(restored(make_method(MethodSpec(name)), shot, shot), truth) > psnr(shot, truth) + 3


@pytest.fixture(scope="module")
def sloping():
    """Shot whose blur grows from left to right, so that every column of squares finds another one."""
    strip, _ = two_planes(tissue((SQUARE, 4 * SQUARE), seed=6), (0.8, 2.6), tilted=True)
    return np.tile(strip, (3, 1, 1))


def test_tiles_equal_the_whole(sloping):
    method = LocalDeblurring("graph_prior", graph_step)
    whole = method.restore(sloping[None], sloping[None])[0]
    tile = sloping[None, :, SQUARE:]
    inner = slice(2 * SQUARE, 3 * SQUARE)
    alone = LocalDeblurring("graph_prior", graph_step).restore(tile, tile)[0]
    assert np.array_equal(alone[SQUARE : 2 * SQUARE, SQUARE : 2 * SQUARE], whole[SQUARE : 2 * SQUARE, inner])
    assert np.abs(whole - sloping)[SQUARE : 2 * SQUARE, inner].max() > 10


def test_between_the_middles_of_squares_their_blurs_are_mixed_linearly(sloping):
    grey = sloping[:SQUARE].mean(axis=2, dtype=np.float32) / 255
    blurs = [find_blur(grey[:, start : start + SQUARE], graph_step) for start in range(0, 4 * SQUARE, SQUARE)]
    green = sloping[..., 1].astype(np.float32) / 255
    undone_by = np.array([np.clip(undone(green, blur), 0, 1) * 255 for blur in blurs])
    columns = np.arange(SQUARE, 3 * SQUARE)
    left, share = np.divmod((columns + 0.5) / SQUARE - 0.5, 1)
    index = left.astype(int)
    mixed = (1 - share) * undone_by[index, :, columns].T + share * undone_by[index + 1, :, columns].T
    made = LocalDeblurring("graph_prior", graph_step).restore(sloping[None], sloping[None])[0, ..., 1]
    inner = (slice(SQUARE, 2 * SQUARE), slice(SQUARE, 3 * SQUARE))
    np.testing.assert_allclose(made[inner], mixed[SQUARE : 2 * SQUARE], atol=0.1)
    assert np.abs(undone_by[1] - undone_by[2]).max() > 10


def test_flat_and_blurred_squares_meet():
    """Where a square is too flat to find a blur in, the shot comes back, and the change to its neighbour is smooth."""
    shot = np.full((3 * SQUARE, 4 * SQUARE, 3), 240, np.uint8)
    shot[:, 3 * SQUARE :] = gaussian_filter(tissue((3 * SQUARE, SQUARE), seed=7), (1.5, 1.5, 0))
    made = LocalDeblurring("graph_prior", graph_step).restore(shot[None], shot[None])[0]
    assert np.array_equal(made[:, : 2 * SQUARE], shot[:, : 2 * SQUARE])


def test_tiles_off_the_grid_are_refused():
    tile = np.zeros((1, SQUARE, SQUARE + 1, 3), np.uint8)
    with pytest.raises(ValueError, match="multiples of 256"):
        LocalDeblurring("graph_prior", graph_step).restore(tile, tile)
