import pytest
import torch
from torch import nn

from tests.network.networks import LiteWithoutBank, SharperPlus, random_tsva
from wsi_refocus.errors import CheckpointError
from wsi_refocus.network.receptive_field import ReceptiveField, measure_receptive_field
from wsi_refocus.network.tsva import TsvaConfig

NETWORKS = {
    "tsva": lambda: random_tsva(TsvaConfig(4, 2)),
    "tsva of other depth": lambda: random_tsva(TsvaConfig(4, 3, 1, 2)),
    "tsva-lite": LiteWithoutBank,
}


@pytest.fixture(params=NETWORKS.values(), ids=NETWORKS.keys())
def network(request):
    return request.param().double()


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (nn.Conv2d(3, 3, 1), ReceptiveField(0, 1)),
        (nn.Conv2d(3, 3, 5, padding=2), ReceptiveField(2, 1)),
        (nn.Conv2d(3, 3, 3, padding=4, dilation=4), ReceptiveField(4, 1)),
        (nn.Conv2d(3, 3, (1, 7), padding=(0, 3)), ReceptiveField(3, 1)),
        (
            nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(12, 12, 3, padding=1), nn.PixelShuffle(2)),
            ReceptiveField(2, 2),
        ),
        (nn.Sequential(nn.MaxPool2d(4), nn.ConvTranspose2d(3, 3, 4, stride=4)), ReceptiveField(0, 4)),
    ],
)
def test_halo_and_stride_of_known_layers(layer, expected):
    assert measure_receptive_field(SharperPlus(layer)) == expected


def test_halo_of_the_papers_network():
    # two 3 × 3 convolutions at each of 1, 2, 4, 8 and 16 pixels, three on the way up at 8, 4, 2 and 1: 107
    assert measure_receptive_field(random_tsva(TsvaConfig(width=1))) == ReceptiveField(112, 16)


def test_weights_do_not_matter():
    network = random_tsva(TsvaConfig(2, 2))
    measured = measure_receptive_field(network)
    for parameter in network.parameters():
        nn.init.zeros_(parameter)
    assert measure_receptive_field(network) == measured


@pytest.mark.parametrize("axis", [2, 3])
def test_pixels_beyond_the_halo_change_nothing_and_those_just_within_do(network, axis):
    field = measure_receptive_field(network.float())
    network.double()
    start = 2 * field.halo
    shape = [1, 3, 16, 16]
    shape[axis] = 4 * field.halo
    torch.manual_seed(3)
    shots = [torch.rand(shape, dtype=torch.double) for _ in range(2)]
    changed = [shot.clone() for shot in shots]
    for shot in changed:
        lines = shot.narrow(axis, 0, start)
        lines.copy_(10 * torch.rand_like(lines))
    with torch.inference_mode():
        difference = network(*changed) - network(*shots)
    moved = difference.movedim(axis, 0).abs().flatten(1).amax(dim=1)
    reached = start + field.halo
    assert not moved[reached:].any()
    # the bound is not much too large: some pixel of the last two strides within it does depend on the change
    assert moved[reached - 2 * field.stride : reached].any()


def test_tiles_with_the_halo_equal_the_whole(network):
    field = measure_receptive_field(network.float())
    network.double()
    tile, halo = 4 * field.stride, field.halo
    edge = 2 * halo + 3 * tile
    torch.manual_seed(4)
    shots = [torch.rand(1, 3, edge, edge, dtype=torch.double) for _ in range(2)]
    with torch.inference_mode():
        whole = network(*shots)[..., halo + tile : halo + 2 * tile, halo + tile : halo + 2 * tile]
        cut = [shot[..., tile : 2 * tile + 2 * halo, tile : 2 * tile + 2 * halo] for shot in shots]
        tiled = network(*cut)[..., halo : halo + tile, halo : halo + tile]
    torch.testing.assert_close(tiled, whole, rtol=0, atol=1e-12)


class _GlobalMean(nn.Module):
    def forward(self, maps):
        return maps.mean(dim=(2, 3), keepdim=True)


class _Ramp(nn.Module):
    """Mixes pixels the more the further down they lie."""

    def forward(self, maps):
        return torch.cat([maps[:, :, : maps.shape[2] // 2], maps[:, :, maps.shape[2] // 2 :].flip(2)], dim=2)


@pytest.mark.parametrize(
    ("layer", "named"),
    [
        (nn.InstanceNorm2d(3), "InstanceNorm2d"),
        (nn.GroupNorm(1, 3), "GroupNorm"),
        (nn.AdaptiveAvgPool2d(1), "AdaptiveAvgPool2d"),
        (_GlobalMean(), "whole picture"),
        (_Ramp(), "join"),
    ],
)
def test_networks_whose_tiles_would_not_join_are_refused(layer, named):
    with pytest.raises(CheckpointError, match=named):
        measure_receptive_field(SharperPlus(layer))


def test_network_that_takes_no_tiles_is_refused():
    with pytest.raises(CheckpointError, match="works on tiles"):
        measure_receptive_field(SharperPlus(nn.Upsample(size=(7, 7))))


def test_network_is_left_as_it_was():
    network = random_tsva(TsvaConfig(2, 1)).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    measure_receptive_field(network)
    assert network.training
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
