"""How good a network is on fields that it does not learn from."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wsi_refocus.training.fields import Fields, each_field
from wsi_refocus.training.patches import whole_field
from wsi_refocus.training.prediction import predict

BINS_UM = (0.0, 0.5, 1.0, 1.5, 2.0, float("inf"))
"""Borders of the bins of |δ|."""


def validate(network: nn.Module, files: Sequence[Fields]) -> dict[str, Any]:
    """Average PSNR over fields, and the gain over what needs no network.

    Parameters
    ----------
    network
        Network in evaluation mode.
    files
        Fields.

    Returns
    -------
    dict
        PSNR in dB of the network, of the better shot and of the mean; the average gain over the better of those two,
        picked with the truth; and the same by |δ|.
    """
    device = next(network.parameters()).device
    rows = []
    for shots, candidates, drift in each_field(files):
        batch = whole_field(shots, candidates, drift).to(device)
        with torch.inference_mode():
            image = predict(network, batch)[0].clamp(0, 1)
        first, second, mean = (psnr(each, batch.truth) for each in batch.without_network().values())
        rows.append((psnr(image, batch.truth), max(first, second), mean, abs(drift)))
    network_, shot, mean_, drifts = np.array(rows).T
    gains = network_ - np.maximum(shot, mean_)
    found: dict[str, Any] = {
        name: round(float(values.mean()), 3)
        for name, values in {"network": network_, "better shot": shot, "mean": mean_, "gain": gains}.items()
    }
    for low, high in itertools.pairwise(BINS_UM):
        inside = (drifts >= low) & (drifts < high)
        if inside.any():
            found[f"gain at {low:g} um"] = round(float(gains[inside].mean()), 2)
    return found


def psnr(image: Tensor, truth: Tensor) -> float:
    """Peak signal-to-noise ratio in dB of images from 0 to 1."""
    return float(-10 * torch.log10(((image - truth) ** 2).mean().clamp_min(1e-10)))
