"""Filters of both shots, on cases whose answer is known."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.signal import fftconvolve

from tests.support.two_shot import tissue
from wsi_refocus.methods import Method, MethodSpec, ShotGeometry, make_method
from wsi_refocus.optics.deconvolution import blur_kernels, wiener_kernels
from wsi_refocus.optics.transfer import Microscope
from wsi_refocus.quality.fidelity import psnr

SHOTS = ShotGeometry(1.0, 0.3)


def levels(image):
    return np.clip(np.round(image), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def acquisition():
    """Truth and two shots by the incoherent model, focus in the middle, one grey level of noise."""
    generator = np.random.default_rng(0)
    scene = tissue(320, seed=3).astype(np.float32)
    kernels = blur_kernels(Microscope(), SHOTS.mpp, (-SHOTS.offset_um, 0.5 * SHOTS.offset_um))
    views = [
        np.stack([fftconvolve(scene[..., c], kernels[c, number], mode="same") for c in range(3)], axis=-1)
        for number in range(3)
    ]
    inner = (slice(32, -32), slice(32, -32))
    return [levels(view[inner] + (generator.normal(0, 1, view[inner].shape) if number else 0))
            for number, view in enumerate(views)]  # fmt: skip


def restored(method: Method, first, second):
    halo = method.halo
    padded = [np.pad(shot, ((halo, halo), (halo, halo), (0, 0)), mode="symmetric")[None] for shot in (first, second)]
    return levels(method.restore(*padded)[0, halo : -halo or None, halo : -halo or None])


@pytest.mark.parametrize("name", ["wiener", "richardson_lucy"])
def test_what_the_model_blurs_the_filters_undo(name, acquisition):
    """With the true heights they beat the mean and the better shot by far."""
    from wsi_refocus.restoration.richardson_lucy import RichardsonLucy
    from wsi_refocus.restoration.wiener import Wiener

    truth, far, near = acquisition
    heights = (-SHOTS.offset_um, 0.5 * SHOTS.offset_um)
    method = {
        "wiener": lambda: Wiener(wiener_kernels(Microscope(), SHOTS.mpp, heights)),
        "richardson_lucy": lambda: RichardsonLucy(blur_kernels(Microscope(), SHOTS.mpp, heights)),
    }[name]()
    mean = make_method(MethodSpec("mean"))
    better = max(psnr(near, truth), psnr(far, truth), psnr(restored(mean, far, near), truth))
    assert psnr(restored(method, far, near), truth) > better + 1.5


@pytest.mark.parametrize("name", ["wiener", "richardson_lucy", "edf", "focus_map", "dark_channel", "graph_prior"])
def test_an_even_field_stays_as_it_is(name):
    method = make_method(MethodSpec(name, shots=SHOTS))
    side = 128 if method.stride == 1 else method.stride
    even = np.full((1, side + 2 * method.halo, side + 2 * method.halo, 3), (180, 90, 230), np.uint8)
    inside = slice(method.halo, method.halo + side)
    assert np.abs(method.restore(even, even)[:, inside, inside].astype(float) - (180, 90, 230)).max() <= 1


@pytest.mark.parametrize("name", ["wiener", "richardson_lucy", "edf", "focus_map"])
def test_tiles_with_their_halo_equal_the_whole(name, acquisition):
    method = make_method(MethodSpec(name, shots=SHOTS))
    shots = [np.tile(shot, (2, 2, 1)) for shot in acquisition[1:]]
    halo, stride = method.halo, method.stride
    whole = method.restore(*(shot[None] for shot in shots))[0].astype(float)
    start = -(-max(halo, 1) // stride) * stride + stride
    part = slice(start - halo, start + 128 + halo)
    inside = slice(halo, halo + 128)
    tiled = method.restore(*(shot[None, part, part] for shot in shots))[0, inside, inside].astype(float)
    assert np.abs(tiled - whole[start : start + 128, start : start + 128]).max() <= 1


def test_fusion_takes_each_half_from_the_shot_in_focus():
    sharp = tissue(256, seed=1).astype(np.float32)
    blurred = gaussian_filter(sharp, (3, 3, 0))
    left = np.arange(256)[None, :, None] < 128
    first, second = levels(np.where(left, sharp, blurred)), levels(np.where(left, blurred, sharp))
    truth = levels(sharp)
    fused = restored(make_method(MethodSpec("edf")), first, second)
    assert psnr(fused, truth) > max(psnr(first, truth), psnr(second, truth)) + 6
    mapped = restored(make_method(MethodSpec("focus_map")), first, second)
    assert np.array_equal(mapped, truth)


def test_kernels_are_even_and_keep_the_brightness():
    kernels = blur_kernels(Microscope(), 0.25, (-1.0, 1.0))
    np.testing.assert_allclose(kernels.sum(axis=(2, 3)), 1, rtol=1e-5)
    np.testing.assert_allclose(kernels[:, 1], kernels[:, 2], atol=1e-7)
    assert np.all(kernels[:, 0].max(axis=(1, 2)) > kernels[:, 1].max(axis=(1, 2)))
    np.testing.assert_allclose(wiener_kernels(Microscope(), 0.25, (-1.0, 1.0)).sum(axis=(1, 2, 3)), 1, rtol=1e-5)
