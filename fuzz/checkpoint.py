"""Safetensors files: a checkpoint's header and weights, and the bound beside it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from fuzz.scratch import FOLDER, file_of
from tests.network.networks import random_tsva
from wsi_refocus.errors import RefocusError
from wsi_refocus.network.checkpoint import load_network, read_checkpoint_info, save_checkpoint
from wsi_refocus.network.model_card import ModelCard
from wsi_refocus.network.tsva import TsvaConfig
from wsi_refocus.network.zoo import FOLDER as BUNDLED
from wsi_refocus.trust.bound import ErrorBound


def seeds() -> Iterator[bytes]:
    """The smallest network, and the bundled bound."""
    network = random_tsva(TsvaConfig(width=1, depth=1))
    yield save_checkpoint(FOLDER / "seed", network, ModelCard("a", "b", "c")).read_bytes()
    yield (BUNDLED / "tsva-lite.bound").read_bytes()


def read(data: bytes) -> None:
    """Read a file as either."""
    path = file_of(data, "file.safetensors")
    for reader in (read_checkpoint_info, load_network, ErrorBound.read):
        with contextlib.suppress(RefocusError):
            reader(path)
