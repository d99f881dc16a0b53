"""Judging the refocused cells of a shard, and giving back those that are not believed."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from wsi_refocus.geometry import Region
from wsi_refocus.methods import Method, MethodSpec
from wsi_refocus.ngff.layout import ShardIndex
from wsi_refocus.pipeline.compose import Pixels
from wsi_refocus.pipeline.give_back import believed, captured, given_back
from wsi_refocus.pipeline.journal import Journal
from wsi_refocus.pipeline.record import RunRecord
from wsi_refocus.tiling.grid import CellGrid, CellIndex
from wsi_refocus.trust.disagreement import Surroundings
from wsi_refocus.trust.judge import Judge, Judgement, TrustSpec


class ShardJudging:
    """Judges shards; safe from several threads at once.

    Parameters
    ----------
    record
        Record of a run whose tiles are judged.
    spec, method
        Its method, as this process makes it.
    journal
        Its journal.
    threads
        Cells that are judged at once.
    """

    def __init__(self, record: RunRecord, spec: MethodSpec, method: Method, journal: Journal, threads: int) -> None:
        self._spec = record.trust or TrustSpec()
        self._judge = Judge(self._spec, spec, method)
        self._size = record.layout.size
        self._decisions = record.decisions()
        self._journal = journal
        self._pool = ThreadPoolExecutor(threads, "judge")

    def judge(
        self, region: Region, outer: Region, first: Pixels, second: Pixels, refocused: Pixels
    ) -> dict[CellIndex, Judgement]:
        """Judge the cells of a shard that were refocused.

        Parameters
        ----------
        region
            Pixels of the shard.
        outer
            Pixels that ``first`` and ``second`` hold.
        first, second
            The aligned shots, shape (height, width, 3).
        refocused
            The shard as it was refocused.
        """
        grid = CellGrid(self._size)

        def judged(cell: CellIndex) -> Judgement:
            place = grid.region(cell)
            choice = bool(self._decisions.second_is_sharper[cell])
            around = Surroundings(first, second, place.relative_to(outer), choice)
            return self._judge.judge(around, refocused[place.relative_to(region).slices])

        cells = [cell for cell in grid.within(region) if self._decisions.predicted[cell]]
        return dict(zip(cells, self._pool.map(judged, cells), strict=True))

    def act(
        self,
        index: ShardIndex,
        region: Region,
        shots: tuple[Pixels, Pixels],
        refocused: Pixels,
        judgements: Mapping[CellIndex, Judgement],
    ) -> Pixels:
        """Give back the cells that are not believed, as far as this shard alone can know.

        Parameters
        ----------
        index, region
            The shard.
        shots
            The aligned shots over it.
        refocused
            The shard as it was refocused; its rims are kept for what other shards may give back.
        judgements
            Of its cells.
        """
        if self._spec.policy != "keep-sharper" or not judgements:
            return refocused
        self._journal.keep_rims(*index, region, refocused)
        kept = [cell for cell, judgement in judgements.items() if judgement.keeps_sharper(self._spec.policy)]
        if not kept:
            return refocused
        sharper = captured(region, *shots, self._decisions.second_is_sharper)
        return given_back(region, refocused, sharper, believed(self._size, kept))
