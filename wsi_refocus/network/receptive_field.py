"""How far a network looks: the halo and stride with which tiled and untiled predictions are equal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from wsi_refocus.errors import CheckpointError

MAX_STRIDE = 256
MAX_HALO = 1024

_WHOLE_PICTURE = (
    nn.GroupNorm,
    nn.LayerNorm,
    nn.LocalResponseNorm,
    nn.MultiheadAttention,
    nn.modules.instancenorm._InstanceNorm,
    nn.modules.pooling._AdaptiveAvgPoolNd,
    nn.modules.pooling._AdaptiveMaxPoolNd,
)


@runtime_checkable
class Probed(Protocol):
    """A network that works in part by FFT, which carries a NaN everywhere, and offers a stand-in."""

    def probe(self) -> nn.Module:
        """Network that reaches exactly as far, without FFT."""
        ...


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """Halo and stride of a network.

    Attributes
    ----------
    halo : int
        Pixels a side beyond a tile that its result depends on; a multiple of ``stride``.
    stride : int
        Tiles start at multiples of this, and are multiples of it in size.
    """

    halo: int
    stride: int


def measure_receptive_field(network: nn.Module) -> ReceptiveField:
    """Find how far a network looks by watching where a NaN spreads.

    A NaN survives every operation that reads it, whatever the weights are (0 · NaN = NaN), so the pixels
    that become NaN are those that the architecture *can* make depend on the input. It is put on one whole
    block of ``stride`` pixels; what it reaches beyond that block is the halo for tiles that start on the
    stride's grid.

    Parameters
    ----------
    network
        Two-shot network on the CPU, called with two batches of shape (n, 3, height, width).

    Returns
    -------
    ReceptiveField
        Halo, the larger one of both axes, and stride.

    Raises
    ------
    CheckpointError
        If what the network makes of a pixel depends on the whole picture or on where in the picture it lies,
        so that tiles would not join.
    """
    network = network.probe() if isinstance(network, Probed) else network
    was_training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            stride = _stride(network)
            reach = max(_reach(network, stride, axis) for axis in (-2, -1))
    finally:
        network.train(was_training)
    return ReceptiveField(-(-reach // stride) * stride, stride)


def _stride(network: nn.Module) -> int:
    """Smallest power of two whose multiples the network takes as height and width."""
    stride = 1
    while stride <= MAX_STRIDE:
        if all(_accepts(network, factor * stride) for factor in (1, 3)):
            return stride
        stride *= 2
    raise CheckpointError(
        f"the network takes no pictures with sides of up to {MAX_STRIDE} pixels; use one that works on tiles"
    )


def _accepts(network: nn.Module, edge: int) -> bool:
    shot = torch.zeros(1, 3, edge, edge)
    try:
        result: Tensor = network(shot, shot)
    except (RuntimeError, ValueError):
        return False
    return result.shape == shot.shape


def _reach(network: nn.Module, stride: int, axis: int) -> int:
    """Pixels beyond a block of ``stride`` pixels that the block influences along an axis."""
    blocks = 16
    while True:
        length = blocks * stride
        # two blocks, side by side: their traces must be the same but for the shift
        starts = [(blocks // 2 - 1) * stride, blocks // 2 * stride]
        traces = [_trace(network, stride, length, start, axis) for start in starts]
        reaches = [
            (start - first, last + 1 - start - stride) for start, (first, last) in zip(starts, traces, strict=True)
        ]
        inside = all(first > 0 and last < length - 1 for first, last in traces)
        if inside and reaches[0] == reaches[1]:
            return max(0, *reaches[0])
        if inside:
            raise CheckpointError(
                "the network treats pixels by where in the picture they lie, so that tiles would not join; "
                "use one of convolutions and poolings only"
            )
        if length > 2 * (MAX_HALO + stride):
            raise CheckpointError(_refusal(network))
        blocks *= 2


def _trace(network: nn.Module, stride: int, length: int, start: int, axis: int) -> tuple[int, int]:
    """First and last position along an axis that a block of NaN reaches."""
    shape = [1, 3, stride, stride]
    shape[axis] = length
    shot = torch.full(shape, 0.5)
    shot.narrow(axis, start, stride).fill_(torch.nan)
    result: Tensor = network(shot, shot)
    reached = result.isnan().movedim(axis, 0).flatten(1).any(dim=1).nonzero()
    if not len(reached):
        return start, start + stride - 1
    return int(reached.min()), int(reached.max())


def _refusal(network: nn.Module) -> str:
    culprits = {type(layer).__name__ for layer in network.modules() if isinstance(layer, _WHOLE_PICTURE)}
    because = f" ({', '.join(sorted(culprits))})" if culprits else ""
    return (
        f"the network looks at the whole picture, or further than {MAX_HALO} pixels{because}, so that tiles "
        "would not join; use one with batch normalisation and without global pooling or attention"
    )
