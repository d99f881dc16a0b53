"""Small networks with random weights, as if trained."""

import torch
from torch import Tensor, nn

from wsi_refocus.network.tsva import Tsva, TsvaConfig


def random_tsva(config: TsvaConfig | None = None, seed: int = 0) -> Tsva:
    """TSVA whose head and normalisation are not those of an untrained network."""
    torch.manual_seed(seed)
    network = Tsva(config or TsvaConfig(width=8, depth=2))
    nn.init.normal_(network.head.weight, std=0.05)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.running_mean, -0.2, 0.2)
            nn.init.uniform_(layer.running_var, 0.5, 2)
            nn.init.uniform_(layer.weight, 0.5, 2)
            nn.init.uniform_(layer.bias, -0.2, 0.2)
    return network.eval()


class SharperPlus(nn.Module):
    """The sharper shot plus what one layer makes of the other."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, sharper: Tensor, other: Tensor) -> Tensor:
        return sharper + self.layer(other)
