"""What a training is resumed from, and its log."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from wsi_refocus.errors import CheckpointError

logger = logging.getLogger(__name__)

LOG = "log.jsonl"
STATE = "state.safetensors"


def log_row(folder: Path, row: dict[str, Any]) -> None:
    """Add a line to the log; what can be plotted is in it."""
    with (folder / LOG).open("a", encoding="utf-8") as log:
        log.write(json.dumps(row) + "\n")
    logger.info("%s", json.dumps(row))


def read_log(folder: Path, until: int | None = None) -> list[dict[str, Any]]:
    """Rows of the log, one a step, those after a step left out: a training that is resumed writes them again."""
    path = folder / LOG
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    rows: dict[int, dict[str, Any]] = {row["step"]: row for row in map(json.loads, lines)}
    return [rows[step] for step in sorted(rows) if until is None or step <= until]


def keep_state(
    folder: Path, step: int, network: nn.Module, average: nn.Module, optimisers: Sequence[Optimizer]
) -> None:
    """Write what a training is resumed from; whole or not at all."""
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.state_dict().items()}
    for number, optimiser in enumerate(optimisers):
        for index, state in optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{number}.{index}.{name}": torch.as_tensor(each) for name, each in state.items()}
    temporary = folder / f"{STATE}.tmp"
    save_file({name: value.contiguous().cpu() for name, value in tensors.items()}, temporary, {"step": str(step)})
    temporary.replace(folder / STATE)


def resume(folder: Path, network: nn.Module, average: nn.Module, optimisers: Sequence[Optimizer]) -> int:
    """Load what `keep_state` wrote.

    Returns
    -------
    int
        Number of steps that are done; 0 where nothing was kept.

    Raises
    ------
    CheckpointError
        If what lies there is damaged, or of another network.
    """
    path = folder / STATE
    if not path.exists():
        return 0
    try:
        with safe_open(path, "pt") as stored:
            step = int(stored.metadata()["step"])
        tensors = load_file(path)
        for prefix, module in (("network.", network), ("average.", average)):
            module.load_state_dict({n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)})
    except (SafetensorError, RuntimeError, KeyError, TypeError, ValueError):
        raise CheckpointError(
            f"{path}: is damaged or of a training with other settings; name another output, or remove the file"
        ) from None
    for number, optimiser in enumerate(optimisers):
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            if name.startswith(f"optimiser.{number}."):
                index, key = name.split(".", 3)[2:]
                state.setdefault(int(index), {})[key] = value
        optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    logger.info("going on after step %d", step)
    return step
