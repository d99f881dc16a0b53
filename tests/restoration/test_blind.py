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


def test_tiles_equal_the_whole_and_join_without_seams():
    """The blur grows from left to right, so that every square finds another one."""
    shot, _ = two_planes(tissue((3 * SQUARE, 4 * SQUARE), seed=6), (1.0, 2.2), tilted=True)
    method = LocalDeblurring("graph_prior", graph_step)
    whole = method.restore(shot[None], shot[None])[0]
    tile = shot[None, :, : 3 * SQUARE]
    square = (slice(SQUARE, 2 * SQUARE), slice(SQUARE, 2 * SQUARE))
    alone = method.restore(tile, tile)[0]
    assert np.array_equal(alone[square], whole[square])
    change = (whole - shot)[SQUARE : 2 * SQUARE, SQUARE : 3 * SQUARE]
    assert change.std() > 1
    steps = np.abs(np.diff(change, axis=1)).mean(axis=(0, 2))
    lines = np.arange(SQUARE // 2, 2 * SQUARE, SQUARE // 2) - 1  # middles and borders of squares
    assert steps[lines].max() < steps.mean() + 4 * steps.std()


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
