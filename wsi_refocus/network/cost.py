"""What a network costs: parameters and multiplications."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

PATCH = 224
"""Edge in pixels of the patch that multiplications are counted on, as in the paper."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Parameters in millions, and thousand millions of multiplications and additions on a patch of 224 × 224."""

    parameters_m: float = 0.0
    gmac: float = 0.0


def cost_of(network: nn.Module) -> Cost:
    """Count a two-shot network's parameters, and its multiplications on one patch; FFTs are not counted."""
    shot = torch.zeros(1, 3, PATCH, PATCH)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(shot, shot)
    parameters = sum(each.numel() for each in network.parameters())
    return Cost(parameters / 1e6, counter.get_total_flops() / 2e9)
