"""Batch normalisation folded into the convolution before it, which saves a pass over every map."""

from __future__ import annotations

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fold_batch_normalisation(network: nn.Module) -> None:
    """Fold, in place, every batch normalisation that follows a convolution in a ``Sequential``.

    Parameters
    ----------
    network
        Network in evaluation mode; it can no longer be trained afterwards.
    """
    for layers in network.modules():
        if not isinstance(layers, nn.Sequential):
            continue
        for index in range(len(layers) - 1):
            convolution, normalisation = layers[index], layers[index + 1]
            if isinstance(convolution, nn.Conv2d) and isinstance(normalisation, nn.BatchNorm2d):
                layers[index] = fuse_conv_bn_eval(convolution, normalisation)
                layers[index + 1] = nn.Identity()
