"""What a training makes small."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from wsi_refocus.training.patches import Batch

LossName = Literal["mse", "psnr", "relative"]

_FINEST_LEVELS = 0.4


def mean_squared_error(image: Tensor, batch: Batch) -> Tensor:
    """Mean squared error over all pixels: the paper's loss."""
    return ((image - batch.truth) ** 2).mean()


def log_error(image: Tensor, batch: Batch) -> Tensor:
    """Logarithm of the mean squared error of each patch, averaged: minus PSNR, but for a factor.

    What is gained counts in decibels, in every patch alike: otherwise patches so far out of focus that little can
    be done would outweigh all others. Errors of less than 0.4 grey levels are not made smaller.
    """
    error = ((image - batch.truth) ** 2).mean(dim=(1, 2, 3))
    return torch.log(error + (_FINEST_LEVELS / 255) ** 2).mean()


def relative_error(image: Tensor, batch: Batch) -> Tensor:
    """Charbonnier error √(d² + 10⁻⁶), as a share of what the best of both shots and their mean has.

    1 for a network that always gives back the best of the three.
    """

    def error(guess: Tensor) -> Tensor:
        return torch.sqrt((guess - batch.truth) ** 2 + 1e-6).mean(dim=(1, 2, 3))

    simple = torch.stack([error(each) for each in batch.without_network().values()])
    return (error(image) / (simple.amin(dim=0) + 2e-3)).mean()


LOSSES: dict[LossName, Callable[[Tensor, Batch], Tensor]] = {
    "mse": mean_squared_error,
    "psnr": log_error,
    "relative": relative_error,
}
