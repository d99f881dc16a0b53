"""``python -m benchmarks.equal_budgets MANIFEST FOLDER``: networks trained on the same patches, with three seeds each.

Every network sees as many patches of the same fields, from random weights, by the same optimiser and schedule; then all
are measured on the same scans of the split ``test``. An interrupted run goes on where it was.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from wsi_refocus.evaluation.journal import Journal
from wsi_refocus.evaluation.measuring import measure_simulated
from wsi_refocus.evaluation.simulated import BORDER, Protocol, entries_of
from wsi_refocus.methods import MethodSpec
from wsi_refocus.network.dual_plane import Guesses
from wsi_refocus.training.config import TrainingSettings
from wsi_refocus.training.fields import Fields, simulated_fields
from wsi_refocus.training.finish import finish
from wsi_refocus.training.fit import fit_to_fields, start_network
from wsi_refocus.training.manifest import read_manifest, training_entries

NETWORKS: dict[str, dict[str, Any]] = {"tsva-lite": {}, "tsva": {"width": 16}, "unet": {"width": 16}}
"""Architectures and their configurations: the paper's at a quarter of its width."""
SEEDS = (0, 1, 2)
STEPS = 1200
FIELDS = 400
CASES = 84
_WORKERS = 3


def main() -> None:
    """Train all, measure all, and print the average over the seeds and how far they spread."""
    manifest, folder = sys.argv[1], Path(sys.argv[2])
    entries = read_manifest(manifest)
    kept, held_out = training_entries(entries, validation_share=0.1)
    psnr: dict[str, list[float]] = {}
    for seed in SEEDS:
        fields = simulated_fields(kept, folder / "fields", FIELDS, Guesses(), seed, _WORKERS)
        validation = simulated_fields(held_out, folder / "fields", 25, Guesses(), seed + 100, _WORKERS)
        specs = [
            MethodSpec(name, str(_trained(name, manifest, folder / f"{name}-{seed}", seed, fields, validation)))
            for name in NETWORKS
        ]
        journal = Journal(specs, folder / f"scores-{seed}.jsonl")
        scores = measure_simulated(entries_of(entries, "test"), Protocol(), CASES, journal, BORDER, _WORKERS)
        for name in ("sharper shot", "mean", *NETWORKS):
            psnr.setdefault(name, []).append(float(scores[f"psnr {name}"].mean()))
        print(f"seed {seed}: " + ", ".join(f"{name} {values[-1]:.2f} dB" for name, values in psnr.items()), flush=True)
    print(f"{STEPS} steps of 12 patches of 96 × 96 pixels from {FIELDS} fields, {CASES} scans of test images")
    table = pd.DataFrame(psnr)
    for name in psnr:
        print(f"  {name:<14} {table[name].mean():6.2f} dB, seeds spread by {table[name].std():.2f}")
    for name in ("tsva", "unet"):
        gain = table["tsva-lite"] - table[name]
        print(f"  tsva-lite over {name}: {gain.mean():+.2f} dB, from {gain.min():+.2f} to {gain.max():+.2f}")


def _trained(name: str, manifest: str, folder: Path, seed: int, fields: list[Fields], validation: list[Fields]) -> Path:
    """Checkpoint of a network, trained unless that is done."""
    checkpoint = folder / f"{name}.safetensors"
    if not checkpoint.exists():
        folder.mkdir(parents=True, exist_ok=True)
        settings = TrainingSettings(
            manifest=manifest,
            output=str(folder),
            architecture=name,  # type: ignore[arg-type]
            config=NETWORKS[name],
            steps=STEPS,
            every=STEPS // 4,
            precision="bfloat16",
            seed=seed,
            fields=FIELDS,
        )
        torch.manual_seed(seed)
        finish(fit_to_fields(start_network(settings), fields, validation, settings), settings)
    return checkpoint


if __name__ == "__main__":
    main()
