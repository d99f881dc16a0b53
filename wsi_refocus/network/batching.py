"""Batches on a GPU, as large as its memory allows."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from wsi_refocus.errors import RefocusError

logger = logging.getLogger(__name__)

MEMORY_SHARE = 0.7
"""Share of the free memory that a batch may take; the rest is for fragments and for other processes."""


def halve_until_it_fits(count: int, size: int, predict: Callable[[int, int], None]) -> int:
    """Work through ``count`` tiles in batches, halving the batch whenever memory runs out.

    Parameters
    ----------
    count
        Number of tiles.
    size
        Batch to begin with.
    predict
        Called with the first tile of a batch and the one after its last; called again for the same tiles,
        fewer at a time, if it raises ``torch.OutOfMemoryError``.

    Returns
    -------
    int
        Batch that fitted, to begin with the next time.

    Raises
    ------
    RefocusError
        If not even one tile fits.
    """
    start, size = 0, max(1, min(size, count))
    while start < count:
        stop = min(start + size, count)
        try:
            predict(start, stop)
        except torch.OutOfMemoryError:
            if size == 1:
                raise RefocusError(
                    "the GPU's memory does not hold a single tile; use a smaller --tile or --device cpu"
                ) from None
            size = size // 2
        else:
            start = stop
            continue
        # outside of the handler: the exception holds the frames, and they the tensors, until it ends
        logger.info("the GPU ran out of memory; going on with batches of %d", size)
        torch.cuda.empty_cache()
    return size


class GpuPredictor:
    """Predicts on one GPU; threads take turns while others read and write.

    A batch is sized by the memory that one tile of its shape was seen to take. As less than single precision rounds,
    and the GPU's libraries choose their kernels by the batch, results may differ in the last grey level from
    those of the CPU and of other batches.

    Parameters
    ----------
    network
        Network, moved to the device.
    device
        CUDA device.
    precision
        What it multiplies.
    """

    def __init__(self, network: nn.Module, device: torch.device, precision: torch.dtype) -> None:
        self._device = device
        self._network = network.to(device)
        self._precision = precision
        self._lock = threading.Lock()
        self._bytes_per_tile: dict[tuple[int, ...], int] = {}

    def predict(self, sharper: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Predict a batch of shape (n, height, width, 3) in grey levels."""
        first, second = _pinned(sharper), _pinned(other)
        result = torch.empty(first.shape, dtype=torch.float32, pin_memory=True)
        shape = tuple(first.shape[1:])

        def run(start: int, stop: int) -> None:
            result[start:stop].copy_(self._forward(first[start:stop], second[start:stop]), non_blocking=True)

        with self._lock, torch.cuda.device(self._device), torch.inference_mode():
            begin = 0
            if shape not in self._bytes_per_tile:
                self._bytes_per_tile[shape] = self._weigh(lambda: halve_until_it_fits(1, 1, run))
                begin = 1
            halve_until_it_fits(len(first) - begin, self._fitting(shape), lambda a, b: run(begin + a, begin + b))
            torch.cuda.current_stream().synchronize()
        array: NDArray[np.float32] = result.numpy()
        return array

    def _forward(self, sharper: Tensor, other: Tensor) -> Tensor:
        shots = [
            batch.to(self._device, non_blocking=True).permute(0, 3, 1, 2).to(torch.float32).div_(255)
            for batch in (sharper, other)
        ]
        with torch.autocast("cuda", dtype=self._precision, enabled=self._precision != torch.float32):
            restored: Tensor = self._network(*shots)
        return restored.float().mul_(255).clamp_(0, 255).permute(0, 2, 3, 1)

    def _weigh(self, work: Callable[[], object]) -> int:
        """Bytes of the device's memory that ``work`` takes at its peak."""
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        work()
        torch.cuda.current_stream().synchronize()
        return max(1, torch.cuda.max_memory_allocated() - before)

    def _fitting(self, shape: tuple[int, ...]) -> int:
        """Tiles of a shape that fit the memory that is free now, torch's own reserve counted as free."""
        free, _ = torch.cuda.mem_get_info()
        reserve = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
        return max(1, int(MEMORY_SHARE * (free + reserve) / self._bytes_per_tile[shape]))


def _pinned(tiles: NDArray[np.uint8]) -> Tensor:
    """Tiles in page-locked memory, from where copies to the device do not block."""
    return torch.from_numpy(np.require(tiles, requirements=["C", "W"])).pin_memory()
