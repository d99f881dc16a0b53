from dataclasses import FrozenInstanceError

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from tests.network.networks import random_tsva
from wsi_refocus.network.tsva import Tsva, TsvaConfig


@pytest.fixture(scope="module")
def full_width() -> Tsva:
    with torch.device("meta"):
        return Tsva().eval()


def test_full_width_has_27_convolutional_layers(full_width):
    layers = [type(m) for m in full_width.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert len(layers) == 27
    assert layers.count(nn.ConvTranspose2d) == 4


def test_full_width_has_45_96_million_parameters(full_width):
    assert round(sum(p.numel() for p in full_width.parameters()) / 1e6, 2) == 45.96


def test_full_width_takes_67_80_gmac_at_224(full_width):
    shot = torch.empty(1, 3, 224, 224, device="meta")
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        full_width(shot, shot)
    # the counter counts a multiplication and an addition for each
    assert round(counter.get_total_flops() / 2e9, 2) == 67.80


def test_both_contracting_paths_share_their_parameters():
    network = random_tsva()
    calls = []
    for step in network.contracting:
        step.register_forward_hook(lambda module, inputs, output: calls.append(module))
    network(torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16))
    assert sorted(map(id, calls)) == sorted(2 * [id(step) for step in network.contracting])


def test_expansive_path_sees_the_skips_of_both_shots():
    network = random_tsva(TsvaConfig(width=4, depth=1))
    shot = torch.rand(1, 3, 8, 8)
    changed = shot + 0.2
    first, second, both = network(shot, shot), network(shot, changed), network(changed, shot)
    assert not torch.allclose(first, second)
    assert not torch.allclose(both - changed, second - shot)


def test_untrained_network_gives_back_the_sharper_shot():
    torch.manual_seed(0)
    network = Tsva(TsvaConfig(width=4)).eval()
    sharper, other = torch.rand(2, 3, 32, 48), torch.rand(2, 3, 32, 48)
    assert torch.equal(network(sharper, other), sharper)


def test_residual_is_added_to_the_sharper_shot():
    network = random_tsva()
    nn.init.zeros_(network.head.weight)
    nn.init.constant_(network.head.bias, 0.25)
    sharper, other = torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16)
    torch.testing.assert_close(network(sharper, other), sharper + 0.25)


@pytest.mark.parametrize(
    ("config", "layers"),
    [(TsvaConfig(4, 2), 2 * 3 + 2 + 3 * 2 + 1), (TsvaConfig(4, 3, 1, 2), 1 * 4 + 3 + 2 * 3 + 1)],
)
def test_depth_and_additional_convolutions_are_configuration(config, layers):
    network = Tsva(config)
    assert sum(isinstance(m, nn.Conv2d | nn.ConvTranspose2d) for m in network.modules()) == layers
    assert network.stride == 2**config.depth
    edge = 2 * network.stride
    assert network.eval()(torch.rand(1, 3, edge, edge), torch.rand(1, 3, edge, edge)).shape[-2:] == (
        edge,
        edge,
    )


@pytest.mark.parametrize("field", ["width", "depth", "contracting_convs", "expansive_convs"])
@pytest.mark.parametrize("value", [0, -1, 10_000, 1.5])
def test_unreasonable_sizes_are_refused(field, value):
    with pytest.raises(ValueError, match=field):
        TsvaConfig(**{field: value})


def test_config_is_frozen():
    with pytest.raises(FrozenInstanceError):
        TsvaConfig().width = 3


def test_shapes_that_cannot_work_are_refused():
    network = random_tsva()
    with pytest.raises(ValueError, match="multiples of 4"):
        network(torch.rand(1, 3, 16, 18), torch.rand(1, 3, 16, 18))
    with pytest.raises(ValueError, match="differ"):
        network(torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 20))
