"""``python -m wsi_refocus.training SETTINGS.toml``: train a network and keep its weights."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from wsi_refocus.errors import RefocusError
from wsi_refocus.network.checkpoint import save_checkpoint
from wsi_refocus.network.model_card import ModelCard
from wsi_refocus.training.config import load_settings
from wsi_refocus.training.fit import fit


def main() -> None:
    """Train as the file named on the command line says."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    if len(sys.argv) != 2:
        sys.exit("usage: python -m wsi_refocus.training SETTINGS.toml")
    try:
        settings = load_settings(sys.argv[1])
        network = fit(settings)
        card = ModelCard(
            summary="A two-shot network trained on simulated acquisitions.",
            data=f"The train split of {Path(settings.manifest).name}.",
            licence="Apache-2.0",
            training={name: str(value) for name, value in settings.model_dump(exclude={"manifest", "output"}).items()},
        )
        path = save_checkpoint(Path(settings.output) / f"{settings.architecture}.safetensors", network, card)
    except RefocusError as error:
        sys.exit(f"wsi-refocus: {error}")
    logging.getLogger(__name__).info("weights: %s", path)


if __name__ == "__main__":
    main()
