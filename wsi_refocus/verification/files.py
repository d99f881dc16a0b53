"""Whether the files of an output hold the bytes that were written."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from wsi_refocus.errors import OutputError
from wsi_refocus.ngff.checksums import CHECKSUMS, Checksum, covered_files, file_checksum, read_checksums, threads
from wsi_refocus.pipeline.progress import Progress
from wsi_refocus.verification.findings import Check, Finding

NAME = "checksums"
_SHOWN = 5


def check_files(path: Path, *, promised: bool, progress: Progress) -> Check:
    """Compare every file with its checksum.

    Parameters
    ----------
    path
        Folder of the output.
    promised
        Whether the output says of itself that it has checksums; those of older versions do not.
    progress
        Who is told how far it is.
    """
    try:
        known = read_checksums(path)
    except OutputError as error:
        return Check(NAME, 0, 0, "files", (Finding(NAME, CHECKSUMS, str(error)),))
    if known is None:
        if promised:
            return Check(NAME, 0, 0, "files", (Finding(NAME, CHECKSUMS, "is missing"),))
        return Check(NAME, 0, 0, "files", skipped="the output was written by a version that wrote no checksums")
    changed = "has changed itself; a file that it says is wrong may be sound"
    findings = [] if known.intact else [Finding(NAME, CHECKSUMS, changed)]
    files = known.files
    progress.start(NAME, len(files), "files")
    with ThreadPoolExecutor(threads()) as pool:
        problems = pool.map(lambda name: _problem(path / name, files[name]), files)
        for name, problem in zip(files, problems, strict=True):
            if problem:
                findings.append(Finding(NAME, name, problem))
            progress.advance(1)
    progress.stop()
    return Check(NAME, len(files), len(files), "files", tuple(findings), _notes(path, files))


def _problem(file: Path, known: Checksum) -> str:
    try:
        found = file_checksum(file)
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    if found.bytes != known.bytes:
        return f"has {found.bytes} bytes, and {known.bytes} were written"
    return "" if found.hash == known.hash else "holds other bytes than were written: its SHA-256 has changed"


def _notes(path: Path, known: dict[str, Checksum]) -> tuple[str, ...]:
    """Files that were put in later: no harm, but nobody vouches for them."""
    more = sorted(set(covered_files(path)) - set(known))
    if not more:
        return ()
    names = ", ".join(more[:_SHOWN]) + (" …" if len(more) > _SHOWN else "")
    return (f"{len(more)} files are not those of the run and have no checksum: {names}",)
