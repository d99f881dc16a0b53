"""Verify an output: its files, its pixels, its table and what it says of itself."""

from __future__ import annotations

from pathlib import Path

from wsi_refocus.ngff.checksums import CHECKSUMS, file_checksum
from wsi_refocus.ngff.metadata import is_finished, read_provenance, require_finished
from wsi_refocus.pipeline.journal import FOLDER
from wsi_refocus.pipeline.progress import Progress, Silence
from wsi_refocus.verification.files import check_files
from wsi_refocus.verification.findings import Check, Finding, Verification
from wsi_refocus.verification.origin import NAME as PROVENANCE
from wsi_refocus.verification.origin import check_provenance
from wsi_refocus.verification.pixels import PYRAMID, SHARDS, check_pyramid, check_shards
from wsi_refocus.verification.subject import Subject
from wsi_refocus.verification.table import IMAGE, PIXELS, TABLE, check_image, check_table, check_tiles

TILES = 64
"""Tiles, and regions of coarse levels, that are recomputed where nothing else is said."""
UNSOUND = 5
"""Exit code for an output in which something is wrong."""
_SEED = 20200313
_ROOTS = ("zarr.json", ".zattrs")
_UNREADABLE = "the root document cannot be read"


def verify_output(
    output: str | Path, *, tiles: int | None = TILES, seed: int = _SEED, progress: Progress | None = None
) -> Verification:
    """Check an output against itself.

    Every file against its checksum; every shard that the arrays demand, decoded; regions of the coarse levels,
    made anew of the next finer ones; the table for a row a cell and decisions that agree with the rest of their
    rows, its focus measures against the pixels of tiles, and its values against the quality image; and the
    provenance for all that it must hold. Nothing stops at the first finding. What a person changed with care in
    all of these places and in the checksums is not found: keep the digest elsewhere for that.

    Parameters
    ----------
    output
        Folder of a finished output, of OME-NGFF 0.5 or 0.4.
    tiles
        Tiles and regions that are recomputed; None for all. The rest of the checks is always complete.
    seed
        Seed of the choice of tiles: the same ones every time.
    progress
        Who is told how far it is.

    Returns
    -------
    Verification
        What was checked and what was found.

    Raises
    ------
    OutputError
        If the folder is no finished output.
    """
    path = Path(output)
    progress = progress or Silence()
    if _is_damaged(path):
        return _without_root(path, progress)
    require_finished(path)
    provenance = read_provenance(path)
    contents = provenance.get("slide")
    promised = isinstance(contents, dict) and bool(contents.get("checksums"))
    checks = [check_files(path, promised=promised, progress=progress)]
    subject = Subject.look(path, provenance, tiles, seed, progress)
    shards = check_shards(subject)
    broken = frozenset(finding.file for finding in shards.findings)
    rows, table = check_table(subject)
    checks += [
        shards,
        check_pyramid(subject, broken),
        rows,
        check_tiles(subject, table, broken),
        check_image(subject, table),
        check_provenance(subject, _root_document(path)),
    ]
    return Verification(str(output), tuple(checks), _digest(path))


def _is_damaged(path: Path) -> bool:
    """Whether a run came to its end here, and the root has been damaged since."""
    begun = (path / FOLDER).exists()
    return (path / CHECKSUMS).is_file() and not begun and not is_finished(path)


def _without_root(path: Path, progress: Progress) -> Verification:
    """Check the files alone: without its root, nothing tells what an output must hold."""
    files = check_files(path, promised=True, progress=progress)
    unreadable = Finding(PROVENANCE, _root_document(path), f"{_UNREADABLE}: no viewer opens the output")
    others = [Check(name, 0, 0, "", skipped=_UNREADABLE) for name in (SHARDS, PYRAMID, TABLE, PIXELS, IMAGE)]
    checks = (files, *others, Check(PROVENANCE, 0, 0, "entries", (unreadable,)))
    return Verification(str(path), checks, _digest(path))


def _root_document(path: Path) -> str:
    """Name of the file that makes the folder an output."""
    return next((name for name in _ROOTS if (path / name).is_file()), _ROOTS[0])


def _digest(path: Path) -> str | None:
    try:
        return file_checksum(path / CHECKSUMS).hash
    except OSError:
        return None
