"""Whether all shards of an output are there and can be decoded, and whether its levels agree."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from wsi_refocus.errors import OutputError
from wsi_refocus.geometry import Region
from wsi_refocus.ngff.checksums import threads
from wsi_refocus.ngff.metadata import PHASE_GROUP
from wsi_refocus.ngff.stored import Piece, StoredLevel, reduction_error
from wsi_refocus.verification.findings import Check, Finding
from wsi_refocus.verification.subject import Subject

SHARDS = "shards"
PYRAMID = "pyramid"


def check_shards(subject: Subject) -> Check:
    """Decode every shard that the arrays of the output demand."""
    findings = [Finding(SHARDS, f"{group}/" if group else ".", problem) for group, problem in subject.damaged.items()]
    pieces = [(level, piece) for levels in subject.images.values() for level in levels for piece in level.pieces()]
    subject.progress.start(SHARDS, len(pieces), "shards")
    with ThreadPoolExecutor(threads()) as pool:
        for (_, piece), problem in zip(
            pieces, pool.map(lambda each: _decoding_problem(subject.path, *each), pieces), strict=True
        ):
            if problem:
                findings.append(Finding(SHARDS, piece.file, problem))
            subject.progress.advance(1)
    subject.progress.stop()
    return Check(SHARDS, len(pieces), len(pieces), "shards", tuple(findings))


def _decoding_problem(path: Path, level: StoredLevel, piece: Piece) -> str:
    if not (path / piece.file).is_file():
        return "is missing"
    try:
        level.read(piece.place)
    except OutputError as error:
        return str(error)
    return ""


class _Step(NamedTuple):
    """A region of a level, and the level that it was made of."""

    finer: StoredLevel
    coarser: StoredLevel
    region: Region

    @property
    def source(self) -> Region:
        """Pixels of the finer level that the region was made of."""
        return Region(*(2 * each for each in self.region))

    @property
    def files(self) -> list[str]:
        """Files that hold the pixels of both levels."""
        return self.coarser.files_of(self.region) + self.finer.files_of(self.source)


def check_pyramid(subject: Subject, broken: frozenset[str]) -> Check:
    """Make regions of the coarser levels anew of the next finer ones; one of each level at least.

    Parameters
    ----------
    subject
        The output.
    broken
        Files that are known to be missing or damaged; what they held is left out.
    """
    every = list(_steps(subject))
    if not every:
        why = "the levels cannot be opened" if subject.damaged else ""
        return Check(PYRAMID, 0, 0, "regions", skipped=why)
    chosen = subject.sample(every, kind=lambda step: step.coarser.name)
    findings = []
    subject.progress.start(PYRAMID, len(chosen), "regions")
    with ThreadPoolExecutor(threads()) as pool:
        for step, wrong in zip(chosen, pool.map(lambda step: _wrong_values(step, broken), chosen), strict=True):
            if wrong:
                findings.append(Finding(PYRAMID, step.files[0], _disagreement(step, wrong)))
            subject.progress.advance(1)
    subject.progress.stop()
    return Check(PYRAMID, len(chosen), len(every), "regions", tuple(findings))


def _steps(subject: Subject) -> Iterator[_Step]:
    for group in ("", PHASE_GROUP):
        levels = subject.images.get(group, ())
        for finer, coarser in pairwise(levels):
            for region in coarser.regions():
                yield _Step(finer, coarser, region)


def _wrong_values(step: _Step, broken: frozenset[str]) -> int:
    if not broken.isdisjoint(step.files):
        return 0
    return reduction_error(step.finer, step.coarser, step.region)


def _disagreement(step: _Step, wrong: int) -> str:
    y, x, height, width = step.region
    return (
        f"{wrong} values of the {height} × {width} pixels at y={y}, x={x} are not the means of "
        f"{' and '.join(step.finer.files_of(step.source))}; one of the levels has changed"
    )
