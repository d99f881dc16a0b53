"""The training loop."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Adam, Optimizer

from wsi_refocus.errors import CheckpointError, TrainingError, UsageError
from wsi_refocus.network.architectures import ARCHITECTURES
from wsi_refocus.network.checkpoint import load_network
from wsi_refocus.network.device import keep_freed_memory, resolve_device
from wsi_refocus.network.lite import TsvaLite
from wsi_refocus.training.config import TrainingSettings
from wsi_refocus.training.distributed import Team, joined
from wsi_refocus.training.fields import Fields, simulated_fields
from wsi_refocus.training.loss import LOSSES
from wsi_refocus.training.manifest import read_manifest, training_entries
from wsi_refocus.training.muon import Muon
from wsi_refocus.training.patches import Batch, draw_batch
from wsi_refocus.training.prediction import guesses_of, predict
from wsi_refocus.training.stacks import read_fields
from wsi_refocus.training.state import keep_state, log_row, read_log, resume
from wsi_refocus.training.validation import validate

ALONE = Team()
_WARM_UP = 200


def fit(
    settings: TrainingSettings,
    progress: Callable[[int], None] = lambda _: None,
    resumed: Callable[[int], None] = lambda _: None,
) -> nn.Module:
    """Train a network, or go on with one whose training was interrupted; alone, or as one of torchrun's processes.

    Every step draws its patches with a seed of its own, so that a training that was interrupted goes on as if it had
    not been. Written into the output folder: the simulated fields, ``log.jsonl`` with one line a validation, and
    ``state.safetensors`` to resume from.

    Parameters
    ----------
    settings
        What to train on what.
    progress
        Called with 1 for every step.
    resumed
        Called once, with the number of steps that an earlier run did.

    Returns
    -------
    Module
        The network with averaged weights.

    Raises
    ------
    UsageError
        If the manifest, the network's configuration or the device cannot be used.
    CheckpointError
        If the checkpoint to start from, or the state to resume from, does not fit.
    TrainingError
        If the loss is no longer a number; the state of the last validation is kept.
    """
    torch.manual_seed(settings.seed)
    with joined(settings.device) as (team, device):
        team.require_even(settings.batch)
        network = start_network(settings).to(torch.device(resolve_device(device)))
        if not team.leads:
            team.wait()  # for the fields of the first
        fields, validation = _fields_for(network, settings)
        if team.leads:
            team.wait()
        return fit_to_fields(network, fields, validation, settings, progress, resumed, team)


def _fields_for(network: nn.Module, settings: TrainingSettings) -> tuple[Sequence[Fields], Sequence[Fields]]:
    """Fields to learn from and to validate on; simulated if they are not there."""
    folder = Path(settings.output)
    guesses, seed, workers = guesses_of(network), settings.seed, settings.workers
    if Path(settings.manifest).is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        return read_fields(Path(settings.manifest), guesses, for_a_bank=isinstance(network, TsvaLite))
    train, held_out = training_entries(read_manifest(settings.manifest), settings.validation_share)
    folder.mkdir(parents=True, exist_ok=True)
    fields = simulated_fields(train, folder / "fields", settings.fields, guesses, seed, workers, settings.simulation)
    count = settings.validation_fields
    validation = simulated_fields(
        held_out, folder / "validation", count, guesses, seed + 1, workers, settings.simulation
    )
    return fields, validation


def start_network(settings: TrainingSettings) -> nn.Module:
    """Build the network, or load the one to start from.

    Raises
    ------
    UsageError
        If its configuration cannot be used.
    CheckpointError
        If the checkpoint cannot be used, or is of another architecture.
    """
    architecture = ARCHITECTURES[settings.architecture]
    if settings.start is None:
        try:
            return architecture.build(settings.config)
        except ValueError as error:
            raise UsageError(f"the configuration of the network cannot be used: {error}") from None
    network = load_network(settings.start)
    if type(network) is not architecture.network:
        raise CheckpointError(f"{settings.start}: is no {settings.architecture}; start from one, or from none")
    return network


def fit_to_fields(
    network: nn.Module,
    fields: Sequence[Fields],
    validation: Sequence[Fields],
    settings: TrainingSettings,
    progress: Callable[[int], None] = lambda _: None,
    resumed: Callable[[int], None] = lambda _: None,
    team: Team = ALONE,
) -> nn.Module:
    """The loop itself: train a network on fields that lie on disk; as `fit`."""
    torch.set_num_threads(settings.threads)
    keep_freed_memory()
    folder = Path(settings.output)
    average = copy.deepcopy(network).eval()
    network.train()
    optimisers = _optimisers(network, settings)
    began = resume(folder, network, average, optimisers)
    resumed(began)
    clock, losses = time.monotonic(), []
    for step in range(began, settings.steps):
        generator = np.random.default_rng([settings.seed, step])
        batch = draw_batch(fields, settings.batch, settings.patch, generator, exchange=settings.exchange)
        loss = _step(network, team.share_of(batch), optimisers, step, settings, team)
        if not math.isfinite(loss):
            raise TrainingError(
                f"the loss is {loss} at step {step + 1}; {folder} keeps the state of the last validation: "
                "go on from it with a smaller learning rate"
            )
        _move_average(average, network, min(settings.average, (step + 1) / (step + 10)))
        losses.append(loss)
        progress(1)
        if (step + 1) % settings.every == 0 or step + 1 == settings.steps:
            over = False
            if team.leads:
                row = {"step": step + 1, "loss": sum(losses) / len(losses)} | validate(average, validation)
                log_row(folder, row | {"seconds": round(time.monotonic() - clock, 1)})
                keep_state(folder, step + 1, network, average, optimisers)
                over = _is_over([each["network"] for each in read_log(folder, step + 1)], settings.patience)
            losses = []
            if team.leader_says(over=over):
                break
    return average


def _optimisers(network: nn.Module, settings: TrainingSettings) -> list[Optimizer]:
    """Muon for kernels but those of the head, which starts at zero, and Adam for all else; or Adam alone."""
    kernels: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, weight in network.named_parameters():
        by_muon = settings.optimiser == "muon" and weight.ndim > 1 and not name.startswith("head.")
        (kernels if by_muon else others).append(weight)
    adam = Adam(others, settings.learning_rate)
    return [adam, Muon(kernels, settings.learning_rate)] if kernels else [adam]


def _step(
    network: nn.Module,
    batch: Batch,
    optimisers: Sequence[Optimizer],
    step: int,
    settings: TrainingSettings,
    team: Team = ALONE,
) -> float:
    """One step of the optimisers; returns the loss. Weights stay as they are where it is no number."""
    device = next(network.parameters()).device
    batch = batch.to(device)
    with _computing_in(settings.precision, device):
        image, height = predict(network, batch)
    loss = LOSSES[settings.loss](image, batch)
    total = loss
    if height is not None and settings.height_weight:
        total = loss + settings.height_weight * _height_error(height.float(), batch.height_um)
    for optimiser in optimisers:
        optimiser.zero_grad(set_to_none=True)
    scale = 1024.0 if settings.precision == "float16" else 1.0  # or small gradients vanish
    (total * scale).backward()  # type: ignore[no-untyped-call]
    team.average_gradients(network)
    for weight in network.parameters():
        if weight.grad is not None:
            weight.grad.div_(scale)
    norm = nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    told = team.mean(loss.detach())
    if not math.isfinite(told):
        return told
    if math.isfinite(float(norm)):
        for optimiser in optimisers:
            for group in optimiser.param_groups:
                group["lr"] = _learning_rate(step, settings)
            optimiser.step()
    return told


def _height_error(estimate: Tensor, height_um: Tensor) -> Tensor:
    """Huber error in µm; beyond 2.2 µm it only matters that it is far."""
    wanted = height_um.clamp(-2.2, 2.2).view(-1, 1, 1, 1).expand_as(estimate)
    return functional.smooth_l1_loss(estimate, wanted)


def _computing_in(precision: str, device: torch.device) -> AbstractContextManager[object]:
    return nullcontext() if precision == "float32" else torch.autocast(device.type, getattr(torch, precision))


def _learning_rate(step: int, settings: TrainingSettings) -> float:
    warm = min(1.0, (step + 1) / _WARM_UP)
    falling = 0.5 * (1 + math.cos(math.pi * step / settings.steps)) if settings.schedule == "cosine" else 1.0
    return settings.learning_rate * warm * falling


def _is_over(scores: Sequence[float], patience: int) -> bool:
    """Whether the best score was seen ``patience`` validations ago."""
    return bool(patience) and len(scores) - 1 - int(np.argmax(scores)) >= patience


def _move_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    with torch.no_grad():
        for kept, new in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
            if kept.is_floating_point():
                kept.lerp_(new, 1 - decay)
            else:
                kept.copy_(new)
