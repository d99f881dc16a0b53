import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from wsi_refocus.network.burst import Burst, BurstConfig
from wsi_refocus.network.receptive_field import measure_receptive_field
from wsi_refocus.network.unet import Unet, UnetConfig


def _with_a_trained_head(network: Unet | Burst) -> nn.Module:
    torch.manual_seed(0)
    nn.init.normal_(network.head.weight, std=0.1)
    return network.eval()


def test_unet_is_the_papers_baseline():
    """23 convolutional layers, 31.04 million parameters and 36.9 GMAC at 224 × 224."""
    with torch.device("meta"):
        network = Unet().eval()
        shot = torch.empty(1, 3, 224, 224)
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)]
    assert len(layers) == 23
    assert round(sum(each.numel() for each in network.parameters()) / 1e6, 2) == 31.04
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(shot, shot)
    assert round(counter.get_total_flops() / 2e9, 1) == 36.9


def test_unet_looks_at_the_sharper_shot_only():
    network = _with_a_trained_head(Unet(UnetConfig(4, 2)))
    sharper, other = torch.rand(2, 3, 16, 24), torch.rand(2, 3, 16, 24)
    assert torch.equal(network(sharper, other), network(sharper, sharper))
    assert not torch.allclose(network(sharper, other), sharper)


def test_burst_does_not_care_for_the_order_of_its_shots():
    network = _with_a_trained_head(Burst(BurstConfig(4, 2)))
    first, second = torch.rand(2, 3, 16, 24), torch.rand(2, 3, 16, 24)
    fused = network(first, second)
    torch.testing.assert_close(fused, network(second, first))
    assert not torch.allclose(fused, network(first, first))
    assert not torch.allclose(fused, (first + second) / 2)


@pytest.mark.parametrize("network", [Unet(UnetConfig(4, 2)), Burst(BurstConfig(4, 2))])
def test_their_tiles_join(network):
    field = measure_receptive_field(_with_a_trained_head(network))
    assert field.stride == 4
    assert 8 <= field.halo <= 64
