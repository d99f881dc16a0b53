"""What a network makes of a batch, whatever it is fed."""

from __future__ import annotations

from torch import Tensor, nn

from wsi_refocus.network.dual_plane import Guesses
from wsi_refocus.network.lite import TsvaLite
from wsi_refocus.training.patches import Batch


def guesses_of(network: nn.Module) -> Guesses:
    """What the bank of inversions that feeds a network assumes; for one that needs no bank, the least to compute."""
    return network.config.guesses if isinstance(network, TsvaLite) else Guesses((0.0,))


def predict(network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor | None]:
    """Refocus a batch.

    Parameters
    ----------
    network
        Any of the architectures.
    batch
        Shots, and the bank's candidates.

    Returns
    -------
    image : Tensor of shape (n, 3, height, width)
        In full precision.
    height_um : Tensor or None
        Height of the middle of both shots above the section, of networks that estimate it.
    """
    if isinstance(network, TsvaLite):
        image, height = network.estimate(batch.first, batch.second, batch.candidates)
        return image.float(), height
    ordered = batch.sharper_first()
    return network(ordered.first, ordered.second).float(), None
