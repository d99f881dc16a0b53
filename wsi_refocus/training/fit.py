"""The training loop."""

from __future__ import annotations

import copy
import itertools
import json
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from wsi_refocus.network.architectures import ARCHITECTURES
from wsi_refocus.network.dual_plane import Guesses
from wsi_refocus.network.lite import TsvaLite
from wsi_refocus.training.config import TrainingSettings
from wsi_refocus.training.fields import Fields, each_field, simulated_fields
from wsi_refocus.training.manifest import read_manifest, training_entries
from wsi_refocus.training.patches import Batch, draw_batch, whole_field

logger = logging.getLogger(__name__)

VALIDATION_FIELDS = 75
_BINS_UM = (0.0, 0.5, 1.0, 1.5, 2.0, float("inf"))


def fit(settings: TrainingSettings) -> nn.Module:
    """Train a network, or go on with one whose training was interrupted.

    The loss is `relative_loss`, and the optimiser Adam with a cosine schedule after a short warm-up. Every step
    draws its patches with a seed of its own, so that a training that was interrupted goes on as if it had not been.
    Written into the output folder: the simulated fields, ``log.jsonl`` with one line a validation, and
    ``state.safetensors`` to resume from.

    Parameters
    ----------
    settings
        What to train on what.

    Returns
    -------
    Module
        The network with averaged weights.

    Raises
    ------
    UsageError
        If the manifest cannot be used.
    """
    torch.manual_seed(settings.seed)
    torch.set_num_threads(settings.threads)
    folder = Path(settings.output)
    folder.mkdir(parents=True, exist_ok=True)
    train, held_out = training_entries(read_manifest(settings.manifest), settings.validation_share)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = ARCHITECTURES[settings.architecture].build(settings.config).to(device)
    average = copy.deepcopy(network).eval()
    optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    began = _resume(folder, network, average, optimiser)
    guesses = network.config.guesses if isinstance(network, TsvaLite) else Guesses((0.0,))
    seed, workers = settings.seed, settings.workers
    fields = simulated_fields(train, folder / "fields", settings.fields, guesses, seed, workers)
    validation = simulated_fields(held_out, folder / "validation", VALIDATION_FIELDS, guesses, seed + 1, workers)
    clock, losses = time.monotonic(), 0.0
    for step in range(began, settings.steps):
        for group in optimiser.param_groups:
            group["lr"] = _learning_rate(step, settings)
        batch = draw_batch(fields, settings.batch, settings.patch, np.random.default_rng([seed, step])).to(device)
        loss = relative_loss(restored(network, batch), batch)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        _move_average(average, network, min(settings.average, (step + 1) / (step + 10)))
        losses += float(loss.detach())
        if (step + 1) % settings.every == 0 or step + 1 == settings.steps:
            row = {"step": step + 1, "loss": losses / ((step - began) % settings.every + 1)}
            row |= validate(average, validation) | {"seconds": round(time.monotonic() - clock, 1)}
            losses = 0.0
            _log(folder, row)
            _keep(folder, step + 1, network, average, optimiser)
    return average


def _log(folder: Path, row: dict[str, Any]) -> None:
    with (folder / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(row) + "\n")
    logger.info("%s", json.dumps(row))


def restored(network: nn.Module, batch: Batch) -> Tensor:
    """What a network makes of a batch, given its shots in the order that it asks for."""
    if isinstance(network, TsvaLite):
        image: Tensor = network(batch.first, batch.second, batch.candidates)
    else:
        batch = batch.sharper_first()
        image = network(batch.first, batch.second)
    return image


def relative_loss(image: Tensor, batch: Batch) -> Tensor:
    """Charbonnier error √(d² + 10⁻⁶) of a batch, as a share of what the best of both shots and their mean has.

    What counts is the gain over what needs no network, in every patch alike: otherwise patches so far out of focus
    that little can be done would outweigh all others.

    Parameters
    ----------
    image
        What the network made, shape (n, 3, height, width), from 0 to 1.
    batch
        What it was made of, and the truth.

    Returns
    -------
    Tensor
        Mean over the batch; 1 for a network that always gives back the best of the three.
    """

    def error(guess: Tensor) -> Tensor:
        return torch.sqrt((guess - batch.truth) ** 2 + 1e-6).mean(dim=(1, 2, 3))

    simple = torch.stack([error(each) for each in _simple(batch).values()])
    return (error(image) / (simple.amin(dim=0) + 2e-3)).mean()


def validate(network: nn.Module, files: Sequence[Fields]) -> dict[str, Any]:
    """PSNR in dB, averaged over fields, of the network, the better shot and the mean; and its gain by |δ|."""
    device = next(network.parameters()).device
    scores: dict[str, list[float]] = {"network": [], "better shot": [], "mean": []}
    drifts = []
    for shots, candidates, drift in each_field(files):
        batch = whole_field(shots, candidates).to(device)
        with torch.inference_mode():
            scores["network"].append(_psnr(restored(network, batch).clamp(0, 1), batch.truth))
        first, second, mean = (_psnr(each, batch.truth) for each in _simple(batch).values())
        scores["better shot"].append(max(first, second))
        scores["mean"].append(mean)
        drifts.append(abs(drift))
    result: dict[str, Any] = {name: round(_mean(values), 3) for name, values in scores.items()}
    gains = np.subtract(scores["network"], scores["better shot"])
    for low, high in itertools.pairwise(_BINS_UM):
        inside = (np.array(drifts) >= low) & (np.array(drifts) < high)
        if inside.any():
            result[f"gain at {low:g} um"] = round(float(gains[inside].mean()), 2)
    return result


def _simple(batch: Batch) -> dict[str, Tensor]:
    """What needs no network."""
    return {"first": batch.first, "second": batch.second, "mean": (batch.first + batch.second) / 2}


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _psnr(image: Tensor, truth: Tensor) -> float:
    return float(-10 * torch.log10(((image - truth) ** 2).mean().clamp_min(1e-10)))


def _learning_rate(step: int, settings: TrainingSettings) -> float:
    warm = min(1.0, (step + 1) / 200)
    cosine = 0.5 * (1 + torch.cos(torch.tensor(torch.pi * step / settings.steps)).item())
    return settings.learning_rate * warm * cosine


def _move_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    with torch.no_grad():
        for kept, new in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
            if kept.is_floating_point():
                kept.lerp_(new, 1 - decay)
            else:
                kept.copy_(new)


def _keep(folder: Path, step: int, network: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer) -> None:
    """Write what a training is resumed from; whole or not at all."""
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.state_dict().items()}
    for number, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{number}.{name}": torch.as_tensor(value) for name, value in state.items()}
    temporary = folder / "state.safetensors.tmp"
    save_file({name: value.contiguous().cpu() for name, value in tensors.items()}, temporary, {"step": str(step)})
    temporary.replace(folder / "state.safetensors")


def _resume(folder: Path, network: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer) -> int:
    """Load what `_keep` wrote; returns the number of steps that are done."""
    path = folder / "state.safetensors"
    if not path.exists():
        return 0
    from safetensors import safe_open

    with safe_open(path, "pt") as stored:
        step = int(stored.metadata()["step"])
    tensors = load_file(path)
    for prefix, module in (("network.", network), ("average.", average)):
        module.load_state_dict({n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)})
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimiser."):
            _, number, key = name.split(".", 2)
            state.setdefault(int(number), {})[key] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    logger.info("going on after step %d", step)
    return step
