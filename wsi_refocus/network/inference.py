"""Running a two-shot network on batches of tiles, on the CPU or on a GPU."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from wsi_refocus.errors import CheckpointError
from wsi_refocus.network.batching import GpuPredictor
from wsi_refocus.network.checkpoint import checkpoint_sha256, load_network
from wsi_refocus.network.device import keep_freed_memory, one_thread, resolve_device
from wsi_refocus.network.dual_plane import DualPlaneFilters, FixedInversion, Guesses, PhaseMap, WithFilters
from wsi_refocus.network.folding import fold_batch_normalisation
from wsi_refocus.network.lite import TsvaLite
from wsi_refocus.network.lite_engine import LiteEngine
from wsi_refocus.network.precision import Precision, resolve_precision
from wsi_refocus.network.receptive_field import measure_receptive_field

LEAST_SURROUNDINGS = 64
"""Pixels a side that whoever wants a tile shows around it at least, and wants no result for; fewer if the halo is."""
GPU_BATCH = 8
"""Tiles handed over at once on a GPU, which splits them further if its memory asks for it."""


class NetworkMethod:
    """A two-shot network as a method of the registry.

    On the CPU every tile is predicted by itself and in one thread: that is as fast a pixel as batches are
    (they only fall out of the cache), and the result depends neither on the batch nor on the number of cores.

    Parameters
    ----------
    name
        Name in the registry.
    network
        Network in evaluation mode, taking two batches of shape (n, 3, height, width) from 0 to 1. Changed in
        place, and kept as an attribute.
    device
        ``cpu``, ``cuda`` or ``cuda:N``.
    checkpoint_sha256
        Hash of the weights' file.
    threads
        Tiles predicted at once on the CPU, whoever asks for them.
    halo
        Pixels beyond a tile after which its surroundings were seen to change less than a grey level; None to take all
        that the architecture can reach.
    precision
        Whether the network may work in half of single precision, where that is faster. On the CPU ``auto`` allows it
        for networks that have an engine: others can change by more than a grey level.

    Raises
    ------
    CheckpointError
        If tiles of this network would not join.
    UsageError
        If the device is not there.
    """

    def __init__(
        self,
        name: str,
        network: nn.Module,
        device: str = "cpu",
        checkpoint_sha256: str | None = None,
        threads: int = 1,
        halo: int | None = None,
        precision: Precision = "auto",
    ) -> None:
        self.name = name
        self.network = network
        self.by_height = isinstance(network, FixedInversion | PhaseMap | WithFilters)
        self.checkpoint_sha256 = checkpoint_sha256
        self.device = resolve_device(device)
        with one_thread():
            field = measure_receptive_field(network.eval().float().cpu())
        self.stride = field.stride
        self.halo = field.halo if halo is None else min(field.halo, -(-halo // field.stride) * field.stride)
        fold_batch_normalisation(network)
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        multiplied = resolve_precision(precision, self.device)
        self._engine = self._engine_here(multiplied)
        if self.device == "cpu" and self._engine is None and precision != "half":
            multiplied = torch.float32
        self.precision = str(multiplied).removeprefix("torch.")
        self.forward = self._engine or network
        self._predictor: Predictor
        if self.device == "cpu":
            keep_freed_memory()
            self._predictor = CpuPredictor(self.forward, threads, torch.float32 if self._engine else multiplied)
            self.batch = 2 * threads
        else:
            self._predictor = GpuPredictor(network, torch.device(self.device), multiplied)
            self.batch = GPU_BATCH

    @classmethod
    def from_checkpoint(
        cls,
        name: str,
        path: str | Path,
        device: str = "cpu",
        *,
        threads: int = 1,
        filters_for: Callable[[Guesses], DualPlaneFilters] | None = None,
        halo: int | None = None,
        precision: Precision = "auto",
    ) -> Self:
        """Make a method that runs the network of a checkpoint.

        Raises
        ------
        CheckpointError
            If the checkpoint cannot be used.
        """
        try:
            network = load_network(path)
            if isinstance(network, TsvaLite):
                if filters_for is None:
                    raise CheckpointError("this network is fed by a bank of filters, which is made for a pair of shots")
                network = WithFilters(network, filters_for(network.config.guesses)).eval()
            return cls(name, network, device, checkpoint_sha256(path), threads, halo, precision)
        except CheckpointError as error:
            message = str(error)
            raise CheckpointError(message if str(path) in message else f"{path}: {message}") from None

    def restore(self, sharper: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Restore a batch of tiles; safe from several threads at once.

        Parameters
        ----------
        sharper
            The sharper shot Y1 of every tile, shape (n, height, width, 3).
        other
            The other shot Y2, aligned with the first, of the same shape.

        Returns
        -------
        ndarray of shape (n, height, width, 3)
            Grey levels from 0 to 255, not rounded.

        Raises
        ------
        ValueError
            If the arrays are not uint8 RGB of one shape, or a side is no multiple of ``stride``.
        RefocusError
            If even a single tile does not fit the GPU's memory.
        """
        if sharper.shape != other.shape or sharper.ndim != 4 or sharper.shape[3] != 3:
            raise ValueError(f"two batches of RGB tiles are needed, not {sharper.shape} and {other.shape}")
        if sharper.dtype != np.uint8 or other.dtype != np.uint8:
            raise ValueError(f"tiles are uint8, not {sharper.dtype} and {other.dtype}")
        if sharper.shape[1] % self.stride or sharper.shape[2] % self.stride:
            raise ValueError(f"height and width must be multiples of {self.stride}, not {sharper.shape[1:3]}")
        if sharper.size == 0:
            return np.empty(sharper.shape, np.float32)
        return self._predictor.predict(sharper, other)

    def height_um(self, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Where the network takes the section to lie, if it is one that looks for it.

        Parameters
        ----------
        first
            Lower shot of a tile, shape (height, width, 3); sides are multiples of ``stride``.
        second
            The other shot, aligned with the first.

        Returns
        -------
        ndarray of shape (height / 8, width / 8), or None
            Height of the middle of both shots above the section, in µm.
        """
        locating = self._engine or self.network
        if not isinstance(locating, LiteEngine | WithFilters):
            return None
        with one_thread(), torch.inference_mode():
            shots = (_shot(each).to(self.device) for each in (first, second))
            height: NDArray[np.float32] = locating.height_um(*shots)[0, 0].float().cpu().numpy()
        return height

    def _engine_here(self, precision: torch.dtype) -> LiteEngine | None:
        """What runs the network faster than the network itself, where there is such a thing."""
        network = self.network
        if self.device != "cpu" or not isinstance(network, WithFilters) or not isinstance(network.network, TsvaLite):
            return None
        assert isinstance(network.filters, DualPlaneFilters)  # noqa: S101 - the stand-in is for probing alone
        return LiteEngine(network.network, network.filters, min(self.halo, LEAST_SURROUNDINGS), precision)


class Predictor(Protocol):
    """Runs a network where it lies."""

    def predict(self, sharper: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Predict a batch of shape (n, height, width, 3) in grey levels."""
        ...


class CpuPredictor:
    """Predicts tile by tile, in threads that all callers share.

    So that a worker computes in as many threads as it has, be it on many shards or on the last one, and reads and
    writes beside them.

    Parameters
    ----------
    network
        Network on the CPU.
    threads
        Tiles predicted at once.
    precision
        What it multiplies, if it does not see to that itself.
    """

    def __init__(
        self,
        network: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
        threads: int,
        precision: torch.dtype = torch.float32,
    ) -> None:
        self._network = network
        self._precision = precision
        self._pool = ThreadPoolExecutor(threads, "predict")

    def predict(self, sharper: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Predict a batch of shape (n, height, width, 3) in grey levels."""
        result = np.empty(sharper.shape, np.float32)

        def tile(index: int) -> None:
            half = torch.autocast("cpu", dtype=torch.bfloat16, enabled=self._precision == torch.bfloat16)
            with one_thread(), torch.inference_mode(), half:
                restored = self._network(_shot(sharper[index]), _shot(other[index]))
                torch.from_numpy(result[index]).copy_(restored[0].permute(1, 2, 0)).mul_(255).clamp_(0, 255)

        for done in [self._pool.submit(tile, index) for index in range(len(sharper))]:
            done.result()
        return result


def _shot(tile: NDArray[np.uint8]) -> torch.Tensor:
    """Tile as a batch of one, from 0 to 1; channels last, as the pixels lie already."""
    return torch.from_numpy(np.divide(tile, 255, dtype=np.float32)).permute(2, 0, 1).unsqueeze(0)
