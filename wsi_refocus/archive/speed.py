"""How long a slide takes on this machine."""

from __future__ import annotations

import time

import numpy as np

from wsi_refocus.config import RunSettings
from wsi_refocus.methods import MethodSpec, is_trained, make_method, resolve_device
from wsi_refocus.pipeline.prepare import method_of
from wsi_refocus.tiling.grid import CELL

_SLIDE_SECONDS, _SHARD_SECONDS, _TILE_SECONDS = 2.5, 0.6, 0.1
"""Time of a thread for a slide, a shard and a tile with tissue beside prediction: reading, writing, judging."""
_AGAIN = 1.2
"""Predictions of a trained method over tiles: some are predicted again to be judged. All four were measured on the
sample slide, one thread on a server of 2024."""


class Speed:
    """What was measured of the methods so far; each is measured once, alone."""

    def __init__(self) -> None:
        self._tiles: dict[MethodSpec, float] = {}

    def work_seconds(self, settings: RunSettings, tiles: int, shards: int) -> float:
        """Time of one thread for a slide, within a factor of two or so.

        Parameters
        ----------
        settings
            Settings of the run.
        tiles
            Its tiles with tissue.
        shards
            Its shards.

        Raises
        ------
        RefocusError
            If the method cannot be made.
        """
        again = _AGAIN if is_trained(settings.method) and settings.policy != "off" else 1.0
        return _SLIDE_SECONDS + shards * _SHARD_SECONDS + tiles * (_TILE_SECONDS + again * self._tile(settings))

    def _tile(self, settings: RunSettings) -> float:
        """Time in which a tile of noise is predicted."""
        device = resolve_device(settings.device, settings.method)
        spec = method_of(settings, device)
        if spec not in self._tiles:
            method = make_method(spec)
            edge = -(-(CELL + 2 * method.halo) // method.stride) * method.stride
            shots = np.random.default_rng(0).integers(120, 240, (2, 1, edge, edge, 3), np.uint8)
            # on the CPU its own time counts, whatever else the machine is doing
            clock = time.process_time if device == "cpu" else time.perf_counter
            method.restore(shots[0], shots[1])
            began = clock()
            method.restore(shots[0], shots[1])
            self._tiles[spec] = clock() - began
        return self._tiles[spec]
