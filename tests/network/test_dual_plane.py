"""Banks of filters on both shots."""

import numpy as np
import pytest
import torch

from tests.network.networks import random_bank, random_lite, random_lite_with_bank
from wsi_refocus.network import dual_plane
from wsi_refocus.network.dual_plane import DualPlaneFilters, FixedInversion, Guesses
from wsi_refocus.network.inference import NetworkMethod
from wsi_refocus.network.receptive_field import measure_receptive_field


def shots(height=64, width=80):
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 2, 3, height, width, generator=generator)


def test_an_even_picture_stays_as_it_is():
    even = torch.full((1, 3, 40, 40), 0.6)
    torch.testing.assert_close(random_bank()(even, even), even.unsqueeze(1).expand(-1, 7, -1, -1, -1))


def test_each_candidate_is_the_convolution_by_definition():
    bank = random_bank(Guesses((0.0, 1.0)))
    first, second = shots()
    kernels = torch.fft.fftshift(bank.kernels, dim=(-2, -1))[..., 1:, 1:]
    densities = [
        torch.nn.functional.pad(-torch.log(shot + 1 / 256), (7, 7, 7, 7), "circular") for shot in (first, second)
    ]
    for number, candidate in enumerate(bank(first, second).unbind(dim=1)):
        added = sum(
            torch.nn.functional.conv2d(density, kernels[number, :, shot].unsqueeze(1), groups=3)
            for shot, density in enumerate(densities)
        )
        torch.testing.assert_close(candidate, (torch.exp(-added) - 1 / 256).clamp(0, 1.2), atol=1e-5, rtol=1e-4)


def test_a_part_of_the_picture_gives_the_same_pixels_beyond_the_radius():
    bank = random_bank()
    whole = bank(*shots())
    part = bank(*(each[..., 10:60, 20:70] for each in shots()))
    radius = bank.radius
    torch.testing.assert_close(
        part[..., radius:-radius, radius:-radius], whole[..., 10 + radius : 60 - radius, 20 + radius : 70 - radius]
    )


def test_halo_covers_bank_and_network():
    alone = measure_receptive_field(FixedInversion(random_bank()))
    assert (alone.halo, alone.stride) == (6, 1)
    field = measure_receptive_field(random_lite_with_bank())
    # folded pixels: entry 1, a block before 2, context 3 of 4 each (a block, the way back), a block after 4, head 1
    assert (field.halo, field.stride) == (48, 8)
    assert 6 + 2 * (1 + 2 + 3 * 4 + 4 + 1) <= 48


def test_the_method_takes_the_lower_shot_first():
    assert NetworkMethod("tsva", random_lite_with_bank()).by_height
    assert NetworkMethod("joint", FixedInversion(random_bank())).by_height


def test_untrained_network_stays_near_mean_and_middle_candidate():
    network = random_lite()
    torch.nn.init.zeros_(network.head.weight)
    torch.nn.init.zeros_(network.leaning.weight)
    first, second = shots()
    candidates = random_bank()(first, second)
    weights = torch.tensor([2.0 if number in (0, 6) else 0.0 for number in range(10)]).softmax(0)
    choices = torch.stack([(first + second) / 2, first, second, *candidates.unbind(dim=1)])
    expected = (weights.view(-1, 1, 1, 1, 1) * choices).sum(0)
    torch.testing.assert_close(network(first, second, candidates), expected)


def test_the_estimated_height_comes_with_the_image():
    network = random_lite()
    first, second = (each[..., :64, :72] for each in shots())
    candidates = random_bank()(first, second)
    image, height = network.estimate(first, second, candidates)
    assert torch.equal(image, network(first, second, candidates))
    assert height.shape == (len(first), 1, 8, 9)


@pytest.mark.parametrize("wrong", [{"drifts_um": ()}, {"drifts_um": (99.0,)}, {"condenser_ratio": 2.0}])
def test_guesses_beyond_reason_are_refused(wrong):
    with pytest.raises(ValueError, match="bank"):
        Guesses(**wrong)


def test_sizes_do_not_get_in_each_others_way():
    bank = DualPlaneFilters(np.ones((1, 3, 2, 2, 2), np.float32) / 8, 1)
    for size in (8, 10, 8):
        even = torch.full((1, 3, size, size), 0.5)
        torch.testing.assert_close(bank(even, even)[:, 0], even)


@pytest.mark.parametrize("block", [10, 32, 60])
@pytest.mark.parametrize("size", [(80, 40), (100, 41), (79, 133)])
def test_blocks_change_nothing(monkeypatch, size, block):
    bank = random_bank()
    whole = bank(*shots(*size))
    monkeypatch.setattr(dual_plane, "_BLOCK", block)
    torch.testing.assert_close(bank(*shots(*size)), whole)
