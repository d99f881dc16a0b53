"""Small networks with random weights, as if trained."""

import numpy as np
import torch
from torch import Tensor, nn

from wsi_refocus.network.dual_plane import DualPlaneFilters, Guesses, WithFilters
from wsi_refocus.network.lite import LiteConfig, TsvaLite
from wsi_refocus.network.tsva import Tsva, TsvaConfig

SMALL_LITE = LiteConfig(width=8, growth=8, dilations=(1, 2), context=8, context_dilations=(1,))


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


def random_lite(config: LiteConfig | None = None, seed: int = 1) -> TsvaLite:
    """TSVA-lite whose last convolution does something, as after training."""
    torch.manual_seed(seed)
    network = TsvaLite(config or SMALL_LITE)
    nn.init.normal_(network.head.weight, std=0.05)
    nn.init.normal_(network.leaning.weight, std=0.2)
    return network.eval()


def random_bank(guesses: Guesses | None = None, radius: int = 6) -> DualPlaneFilters:
    """Bank of random symmetric kernels whose sums are 1."""
    count = len((guesses or Guesses()).drifts_um)
    offset = np.fft.fftfreq(16, 1 / 16)
    near = np.hypot(offset[:, np.newaxis], offset) <= radius
    quarter = np.random.default_rng(count).random((count, 3, 2, 9, 9))
    rows = np.abs(offset).astype(int)
    kernels = quarter[..., rows[:, np.newaxis], rows] * near
    kernels /= kernels.sum(axis=(2, 3, 4), keepdims=True)
    return DualPlaneFilters(kernels.astype(np.float32), radius)


def random_lite_with_bank(seed: int = 1) -> WithFilters:
    """The two together, as a run uses them."""
    return WithFilters(random_lite(seed=seed), random_bank()).eval()


class LiteWithoutBank(nn.Module):
    """TSVA-lite that is shown the shots themselves where its bank's candidates belong."""

    def __init__(self) -> None:
        super().__init__()
        self.network = random_lite(LiteConfig())

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        return self.network(first, second, torch.stack([first, second, first, second, first, second, first], dim=1))


class SharperPlus(nn.Module):
    """The sharper shot plus what one layer makes of the other."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, sharper: Tensor, other: Tensor) -> Tensor:
        return sharper + self.layer(other)
