"""What is left of a training: the weights, their model card and the curves."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from wsi_refocus.network.checkpoint import save_checkpoint
from wsi_refocus.network.model_card import ModelCard
from wsi_refocus.training.config import TrainingSettings
from wsi_refocus.training.manifest import Entry, read_manifest, training_entries
from wsi_refocus.training.stacks import ABOUT
from wsi_refocus.training.state import read_log

_NOT_TOLD = {"manifest", "output", "summary", "limits", "workers", "threads"}


def finish(network: nn.Module, settings: TrainingSettings) -> Path:
    """Write weights with a model card, and a picture of the curves where matplotlib is installed.

    Returns
    -------
    Path
        The checkpoint.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    folder = Path(settings.output)
    rows = read_log(folder)
    card = ModelCard(
        summary=settings.summary,
        data=_data_of(settings),
        licence="Apache-2.0",
        training={name: str(each) for name, each in settings.model_dump(exclude=_NOT_TOLD).items()}
        | {"simulator": "ranges of wsi_refocus.optics.scanner.draw_acquisition, 0.2 to 0.55 µm per pixel"},
        results={f"validation, {name}": str(each) for name, each in rows[-1].items()} if rows else {},
        limits=settings.limits,
    )
    draw_curves(rows, folder / "curves.png")
    return save_checkpoint(folder / f"{settings.architecture}.safetensors", network, card)


def draw_curves(rows: Sequence[dict[str, Any]], path: Path) -> bool:
    """Draw the loss and the validation's PSNR over the steps; returns whether matplotlib is there to do it."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return False
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    steps = [row["step"] for row in rows]
    left.plot(steps, [row["loss"] for row in rows], color="black")
    left.set(xlabel="step", ylabel="loss")
    for name, style in (("network", "-"), ("better shot", ":"), ("mean", "--")):
        right.plot(steps, [row[name] for row in rows], style, label=name, color="black")
    right.set(xlabel="step", ylabel="PSNR in dB, validation")
    right.legend(frameon=False)
    figure.savefig(path, dpi=120)
    return True


def _data_of(settings: TrainingSettings) -> str:
    source = Path(settings.manifest)
    if source.is_dir():
        about = json.loads((source / ABOUT).read_text(encoding="utf-8"))
        return f"Fields of focal stacks: {about['source']}."
    train, held_out = training_entries(read_manifest(source), settings.validation_share)
    return f"Trained on {_described(train)}; validated on {_described(held_out)}. No other split was read."


def _described(entries: Sequence[Entry]) -> str:
    sources = Counter(entry.source for entry in entries if entry.source)
    named = f" ({', '.join(f'{name}: {count}' for name, count in sorted(sources.items()))})" if sources else ""
    return f"{len(entries)} images of {len({entry.group for entry in entries})} groups{named}"
