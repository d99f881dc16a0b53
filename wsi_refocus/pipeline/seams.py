"""Borders of shards beyond which cells were given back: found when all shards are written, and mended then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from wsi_refocus.geometry import Region
from wsi_refocus.ngff.layout import ShardIndex
from wsi_refocus.pipeline.compose import Pixels
from wsi_refocus.pipeline.give_back import believed, captured, given_back, rims_of
from wsi_refocus.pipeline.journal import Journal
from wsi_refocus.pipeline.record import RunRecord
from wsi_refocus.quality.record import Decision, Written
from wsi_refocus.tiling.grid import CellGrid, CellIndex


class Seam(NamedTuple):
    """A shard whose border has to be mended.

    Attributes
    ----------
    shard : tuple of int
        Row and column of the shard.
    kept : tuple of tuple of int
        Cells of the shard and around it that were given back.
    """

    shard: tuple[int, int]
    kept: tuple[tuple[int, int], ...]


def seams_of(record: RunRecord, rows: Sequence[Mapping[str, Any]]) -> Iterator[Seam]:
    """Shards with a refocused cell beside a cell of another shard that was given back.

    Parameters
    ----------
    record
        Record of the run.
    rows
        Rows of the quality table, of all shards.
    """
    if record.trust is None or record.trust.policy != "keep-sharper":
        return
    grid, edge = CellGrid(record.layout.size), record.layout.shard
    kept = {CellIndex(row["iy"], row["ix"]) for row in rows if row["decision"] == Decision.KEPT}
    refocused = {CellIndex(row["iy"], row["ix"]) for row in rows if row["written"] == Written.REFOCUSED}
    found: dict[ShardIndex, set[CellIndex]] = {}
    for cell in kept:
        home = _shard_of(cell, grid, edge)
        for near in _around(cell):
            if near in refocused and (other := _shard_of(near, grid, edge)) != home:
                found.setdefault(other, set())
    for cell in kept:
        for shard in {_shard_of(near, grid, edge) for near in (cell, *_around(cell))} & found.keys():
            found[shard].add(cell)
    for shard in sorted(found):
        yield Seam((shard.iy, shard.ix), tuple(sorted((cell.iy, cell.ix) for cell in found[shard])))


def mend(
    seam: Seam, region: Region, shots: tuple[Pixels, Pixels], pixels: Pixels, record: RunRecord, journal: Journal
) -> None:
    """Make the border of a shard what it would have been, had it been known what lies beyond it.

    Computed from the rims as they were refocused, not from what is written, so that mending twice is mending once.

    Parameters
    ----------
    seam, region
        The shard.
    shots
        The aligned shots over it.
    pixels
        What is written of it; changed in place.
    record, journal
        Of the run.
    """
    stays = believed(record.layout.size, [CellIndex(*cell) for cell in seam.kept])
    refocused = journal.rims(*seam.shard)
    choice = record.decisions().second_is_sharper
    for name, strip in rims_of(region):
        place = strip.relative_to(region).slices
        sharper = captured(strip, shots[0][place], shots[1][place], choice)
        pixels[place] = given_back(strip, refocused[name], sharper, stays)


def _around(cell: CellIndex) -> Iterator[CellIndex]:
    """The eight cells around one, also beyond the slide."""
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            if dy or dx:
                yield CellIndex(cell.iy + dy, cell.ix + dx)


def _shard_of(cell: CellIndex, grid: CellGrid, edge: int) -> ShardIndex:
    return ShardIndex(cell.iy * grid.edge // edge, cell.ix * grid.edge // edge)
