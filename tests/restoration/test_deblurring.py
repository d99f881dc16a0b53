"""Methods without a network, on cases whose answer is known."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.signal import fftconvolve

from tests.support.two_shot import tissue
from wsi_refocus.methods import Method, MethodSpec, ShotGeometry, make_method
from wsi_refocus.optics.deconvolution import blur_kernels, wiener_kernels
from wsi_refocus.optics.transfer import Microscope
from wsi_refocus.quality.fidelity import psnr
from wsi_refocus.restoration.blind import KERNEL, find_blur, undone
from wsi_refocus.restoration.dark_channel import dark_channel_step
from wsi_refocus.restoration.focus_map import composed, sharpest_planes
from wsi_refocus.restoration.graph_prior import graph_step

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
    gain = psnr(restored(method, far, near), truth) - psnr(near, truth)
    assert gain > 1.5
    assert psnr(near, truth) > psnr(far, truth)


def test_filters_leave_an_even_field_as_it_is():
    even = np.full((1, 128, 128, 3), 180, np.uint8)
    for name in ("wiener", "richardson_lucy", "edf", "focus_map", "dark_channel", "graph_prior"):
        method = make_method(MethodSpec(name, shots=SHOTS))
        inside = slice(method.halo, -method.halo or None)
        result = method.restore(*[np.pad(even, ((0, 0), (64, 64), (64, 64), (0, 0)), mode="edge")] * 2)[
            :, inside, inside
        ]
        assert np.abs(result.astype(float) - 180).max() <= 1, name


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


def test_focus_map_of_a_tilted_stack():
    sharp = tissue(256, seed=2).astype(np.float32)
    blurs = [sharp if not width else gaussian_filter(sharp, (width, width, 0)) for width in (0, 1.5, 3)]
    columns = np.arange(256) // 64
    stack = np.stack([
        np.stack([blurs[abs(int(columns[x]) - plane) if abs(int(columns[x]) - plane) < 3 else 2][:, x]
                  for x in range(256)], axis=1) for plane in range(4)
    ])  # fmt: skip
    planes = sharpest_planes(levels(stack))
    assert np.array_equal(planes, np.tile(np.arange(4), (4, 1)))
    assert np.array_equal(composed(levels(stack), planes), levels(sharp))


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


def test_kernels_are_even_and_keep_the_brightness():
    kernels = blur_kernels(Microscope(), 0.25, (-1.0, 1.0))
    np.testing.assert_allclose(kernels.sum(axis=(2, 3)), 1, rtol=1e-5)
    np.testing.assert_allclose(kernels[:, 1], kernels[:, 2], atol=1e-7)
    assert np.all(kernels[:, 0].max(axis=(1, 2)) > kernels[:, 1].max(axis=(1, 2)))
    np.testing.assert_allclose(wiener_kernels(Microscope(), 0.25, (-1.0, 1.0)).sum(axis=(1, 2, 3)), 1, rtol=1e-5)
