"""Fuzz one target: ``python -m fuzz TARGET CORPUS [libFuzzer's options]``."""

from __future__ import annotations

import importlib
import logging
import sys
from pathlib import Path

import atheris  # type: ignore[import-not-found]

from fuzz.values import with_another_value

TARGETS = ("ome_xml", "tiff", "ome_zarr", "checkpoint", "manifest")


def _mutated(data: bytes, max_size: int, seed: int) -> bytes:
    """Half of the time a value of a text, else what libFuzzer does to bytes."""
    if seed % 2:
        changed = with_another_value(data, seed)
        if len(changed) <= max_size:
            return changed
    return bytes(atheris.Mutate(data, max_size))


def main() -> None:
    """Fill the corpus with the target's own seeds, then fuzz until libFuzzer is told to stop."""
    if len(sys.argv) < 3 or sys.argv[1] not in TARGETS:
        sys.exit(f"usage: python -m fuzz {{{','.join(TARGETS)}}} CORPUS [libFuzzer's options]")
    logging.disable(logging.CRITICAL)
    with atheris.instrument_imports(include=["wsi_refocus", "fuzz", "tifffile", "tiffslide", "zarr"]):
        target = importlib.import_module(f"fuzz.{sys.argv[1]}")
    corpus = Path(sys.argv[2])
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    atheris.Setup([sys.argv[0], str(corpus), *sys.argv[3:]], target.read, custom_mutator=_mutated)
    atheris.Fuzz()


main()
