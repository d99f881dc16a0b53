"""The phase map of a run: an image of its own in the output, as large as the slide."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from wsi_refocus.geometry import Region
from wsi_refocus.methods import PHASE_RANGE, PHASE_ZERO, MethodSpec, make_phase
from wsi_refocus.ngff.documents import write_group
from wsi_refocus.ngff.layout import ShardIndex, StoreLayout
from wsi_refocus.ngff.metadata import PHASE_GROUP
from wsi_refocus.ngff.multiscales import RGB, image_attributes
from wsi_refocus.ngff.pyramid import write_coarse_levels
from wsi_refocus.ngff.reduction import METHOD
from wsi_refocus.ngff.store import write_shard
from wsi_refocus.pipeline.compose import Decisions, Pixels, compose
from wsi_refocus.tiling.grid import CellGrid, TileGrid


class PhaseLayer:
    """Makes the phase map of shards, everywhere: glass has a phase, too.

    Parameters
    ----------
    spec
        Method of the run: how the shots were taken, and the profile.
    layout
        Arrays of the output; the map's are alike.
    tile
        Edge of the tiles in pixels.
    threads
        Tiles that are worked on at once.
    """

    def __init__(self, spec: MethodSpec, layout: StoreLayout, tile: int, threads: int) -> None:
        self._method = make_phase(replace(spec, device="cpu", threads=threads))
        self._layout = layout
        self._tiles = TileGrid(tile, self._method.halo, self._method.stride)
        shape = CellGrid(layout.size).shape
        self._everywhere = Decisions(np.zeros(shape, np.bool_), np.ones(shape, np.bool_))

    @property
    def reach(self) -> int:
        """Pixels around a region that are looked at."""
        return self._tiles.reach

    def write(self, output: str, index: ShardIndex, outer: Region, first: Pixels, second: Pixels) -> None:
        """Make and write the map of one shard.

        Parameters
        ----------
        output
            Folder of the output.
        index
            The shard.
        outer
            Pixels that ``first`` and ``second`` hold: the shard and at least `reach` around it.
        first, second
            The aligned planes over ``outer``, shape (height, width, 3).
        """
        region = self._layout.shard_region(index)
        pixels = compose(region, outer, first, second, self._everywhere, self._method, self._tiles)
        write_shard(Path(output) / PHASE_GROUP, self._layout, index, pixels)


def finish_phase(output: Path, layout: StoreLayout) -> None:
    """Make the coarse levels of a map all of whose shards are written, and say what its grey levels mean."""
    group = output / PHASE_GROUP
    write_coarse_levels(group, layout)
    attributes = image_attributes(layout.version, "phase", layout.levels, RGB, method=METHOD)
    attributes["phase"] = {
        "unit": "radian",
        "zero": PHASE_ZERO,
        "radian_per_grey_level": 2 * PHASE_RANGE / 255,
        "meaning": "phase that explains both shots, for a section midway between them; without its coarse structure",
    }
    write_group(group, layout.version, attributes)
