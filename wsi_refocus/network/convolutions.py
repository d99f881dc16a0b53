"""What the networks of the U-Net family are built of."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

CHANNELS = 3
"""Red, green and blue."""
_MOST = {"width": 256, "depth": 6, "contracting_convs": 8, "expansive_convs": 8}


def convolutions(before: int, after: int, number: int, *, normalise: bool) -> nn.Sequential:
    """3 × 3 convolutions, each followed by a ReLU, with batch normalisation in between or without.

    Parameters
    ----------
    before, after
        Channels that come in and go out.
    number
        How many convolutions.
    normalise
        Whether with batch normalisation.
    """
    layers: list[nn.Module] = []
    for _ in range(number):
        layers.append(nn.Conv2d(before, after, 3, padding=1))
        if normalise:
            layers.append(nn.BatchNorm2d(after))
        layers.append(nn.ReLU(inplace=True))
        before = after
    return nn.Sequential(*layers)


def residual_head(channels: int) -> nn.Conv2d:
    """Last convolution, 1 × 1, which starts at zero: an untrained network adds nothing to what it is given."""
    head = nn.Conv2d(channels, CHANNELS, 1)
    nn.init.zeros_(head.weight)
    assert head.bias is not None  # noqa: S101 - for the type checker
    nn.init.zeros_(head.bias)
    return head


def check_sizes(network: str, sizes: Mapping[str, object]) -> None:
    """Refuse sizes of a network that are no whole numbers or beyond reason.

    Raises
    ------
    ValueError
        If one is.
    """
    for name, value in sizes.items():
        if not isinstance(value, int) or not 1 <= value <= _MOST[name]:
            raise ValueError(f"{name} of a {network} network is a whole number from 1 to {_MOST[name]}, not {value!r}")
