"""Checkpoints: safetensors files that say in their header what they hold. Nothing is ever unpickled."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from wsi_refocus.errors import CheckpointError, OutputError
from wsi_refocus.limits import CHECKPOINT_BYTES
from wsi_refocus.network.architectures import ARCHITECTURES, describe_architecture
from wsi_refocus.network.file_kind import refuse_other_kinds
from wsi_refocus.network.model_card import ModelCard

logger = logging.getLogger(__name__)

FORMAT_VERSION = "1"
_HEADER_KEY = "wsi_refocus"
_MAX_HEADER_CHARACTERS = 100_000


@dataclass(frozen=True, slots=True)
class CheckpointInfo:
    """What a checkpoint says of itself.

    Attributes
    ----------
    architecture : str
        Name of the architecture.
    config : Mapping
        Configuration of the network.
    card : ModelCard
        Where the weights come from.
    """

    architecture: str
    config: Mapping[str, Any]
    card: ModelCard


def save_checkpoint(path: str | Path, network: nn.Module, card: ModelCard) -> Path:
    """Write a network as ``NAME.safetensors``, with its model card ``NAME.md`` beside it.

    Parameters
    ----------
    path
        File to write; an existing one is replaced.
    network
        Network of a known architecture.
    card
        Model card.

    Returns
    -------
    Path
        The file of the weights.

    Raises
    ------
    ValueError
        If the network is of no known architecture.
    OutputError
        If the files cannot be written.
    """
    path = Path(path).with_suffix(".safetensors")
    architecture, config = describe_architecture(network)
    header = {
        "format_version": FORMAT_VERSION,
        "architecture": architecture,
        "config": config,
        "card": {key: dict(value) if isinstance(value, Mapping) else value for key, value in _fields(card)},
    }
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    partial = path.with_suffix(".partial")
    try:
        partial.write_bytes(save(weights, {_HEADER_KEY: json.dumps(header)}))  # save_file would keep it from others
        facts = {
            "Architecture": f"{architecture} {json.dumps(config)}",
            "Parameters": f"{sum(p.numel() for p in network.parameters()):,}",
            "SHA-256": checkpoint_sha256(partial),
        }
        path.with_suffix(".md").write_text(card.to_markdown(path.stem, facts), encoding="utf-8")
        partial.replace(path)
    except (OSError, SafetensorError) as error:
        partial.unlink(missing_ok=True)
        raise OutputError(f"{path}: the checkpoint cannot be written ({error})") from None
    return path


def load_network(path: str | Path) -> nn.Module:
    """Build the network of a checkpoint and fill in its weights.

    The weights are compared with the architecture before memory is allocated for it, so that the file's own
    size bounds what a header can ask for.

    Parameters
    ----------
    path
        Safetensors file of this project.

    Returns
    -------
    Module
        The network on the CPU, in evaluation mode.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, of another kind or of another architecture.
    """
    path = Path(path)
    with _opened(path) as stored:
        info = _read_header(path, stored)
        architecture = ARCHITECTURES[info.architecture]
        config = dict(info.config)
        try:
            with torch.device("meta"):
                expected = architecture.build(config).state_dict()
        except (ValueError, RuntimeError, RecursionError) as error:
            raise CheckpointError(
                f"{path}: the configuration of the network cannot be used ({error}); download or train it again"
            ) from None
        _check_fit(path, info.architecture, expected, stored)
        weights = {name: stored.get_tensor(name) for name in expected}
    for name, tensor in weights.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise CheckpointError(
                f"{path}: the weights {name} hold numbers that are not finite; "
                "use a checkpoint of a training that did not diverge"
            )
    network = architecture.build(config)
    network.load_state_dict(weights)
    return network.eval()


def read_checkpoint_info(path: str | Path) -> CheckpointInfo:
    """Read what a checkpoint says of itself, without loading its weights.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged or of another kind.
    """
    with _opened(Path(path)) as stored:
        return _read_header(Path(path), stored)


def checkpoint_sha256(path: str | Path) -> str:
    """SHA-256 of a checkpoint's file, in hexadecimal.

    Raises
    ------
    CheckpointError
        If the file cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(f"{path}: the checkpoint cannot be read ({error.strerror})") from None


def _fields(card: ModelCard) -> list[tuple[str, Any]]:
    return [(name, getattr(card, name)) for name in ModelCard.__dataclass_fields__]


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    refuse_other_kinds(path)
    _check_size(path)
    try:
        with safe_open(path, framework="pt", device="cpu") as stored:
            yield stored
    except SafetensorError as error:
        raise CheckpointError(
            f"{path}: the checkpoint is damaged or truncated ({error}); copy or download it again"
        ) from None


def _check_size(path: Path) -> None:
    """Refuse a file that would fill the memory; what a header asks for is bounded by the file's own size."""
    size, limit = path.stat().st_size, CHECKPOINT_BYTES.value
    if size > limit:
        raise CheckpointError(
            f"{path}: is a checkpoint of {size:,} bytes, more than the {limit:,} that are allowed; "
            f"set {CHECKPOINT_BYTES.variable} higher if you trust it"
        )


def _read_header(path: Path, stored: Any) -> CheckpointInfo:
    text = (stored.metadata() or {}).get(_HEADER_KEY)
    if text is None:
        raise CheckpointError(
            f"{path}: these are weights of another program, without the header that says how to build the "
            "network; use a checkpoint of this project"
        )
    try:
        if len(text) > _MAX_HEADER_CHARACTERS:
            raise ValueError("header too long")
        header = json.loads(text)
        version, name = header["format_version"], header["architecture"]
        config, card = dict(header["config"]), ModelCard(**header["card"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise CheckpointError(f"{path}: the header of the checkpoint is damaged; download it again") from None
    if version != FORMAT_VERSION:
        raise CheckpointError(
            f"{path}: the checkpoint is of format {version}, this version reads {FORMAT_VERSION}; "
            "use another version of wsi-refocus"
        )
    if name not in ARCHITECTURES:
        raise CheckpointError(
            f"{path}: the checkpoint is of another architecture ({name}); known are {', '.join(ARCHITECTURES)}"
        )
    return CheckpointInfo(name, config, card)


def _check_fit(path: Path, architecture: str, expected: Mapping[str, Tensor], stored: Any) -> None:
    """Compare names and shapes, without reading a weight."""
    found = set(stored.keys())
    problem = None
    if found != expected.keys():
        odd = min(found ^ expected.keys())
        problem = f"{odd} is {'unexpected' if odd in found else 'missing'}"
    else:
        for name, tensor in expected.items():
            shape = tuple(stored.get_slice(name).get_shape())
            if shape != tuple(tensor.shape):
                problem = f"{name} has the shape {shape} instead of {tuple(tensor.shape)}"
                break
    if problem is not None:
        raise CheckpointError(
            f"{path}: the weights do not fit the architecture {architecture} that the file names "
            f"({problem}); use a checkpoint of this project"
        )
