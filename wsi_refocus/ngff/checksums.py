"""Checksums of an output: one document that says of every file how long it is and what it holds."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from wsi_refocus.errors import OutputError
from wsi_refocus.ngff.files import PARTIAL, explained, write_whole

CHECKSUMS = "checksums.json"
"""Where the document lies in an output."""
ALGORITHM = "sha256"
"""Hash of the files; most processors have instructions for it, and ``sha256sum`` computes it, too."""
UNCOVERED = (".wsi-refocus", "report")
"""Folders without checksums: the journal of an unfinished run, and the report, which can be made again."""
_THREADS = 4


@dataclass(frozen=True, slots=True)
class Checksum:
    """What is known of a file.

    Attributes
    ----------
    bytes : int
        Its length.
    hash : str
        SHA-256 of its content, hexadecimal.
    """

    bytes: int
    hash: str


@dataclass(frozen=True, slots=True)
class Checksums:
    """The document.

    Attributes
    ----------
    files : dict
        Checksum of every file, by its name relative to the output.
    intact : bool
        Whether they are those that were written: the document has a hash of its own.
    """

    files: dict[str, Checksum]
    intact: bool


def write_checksums(path: str | Path, last: Mapping[str, bytes]) -> None:
    """Write the checksums of an output that lacks nothing but its last files.

    The files that make a folder an output are written after all others, so they cannot be read yet. Their
    content is settled all the same, and handed in: so they are covered like every other file. Files are read
    in pieces, a few at a time.

    Parameters
    ----------
    path
        Folder of the output.
    last
        Name and content of the files that are written after this one.

    Raises
    ------
    OutputError
        If a file cannot be read, the disk is full or the folder cannot be written.
    """
    root = Path(path)
    with explained(path):
        names = [name for name in covered_files(root) if name not in last]
        with ThreadPoolExecutor(threads()) as pool:
            found = dict(zip(names, pool.map(lambda name: file_checksum(root / name), names), strict=True))
        found |= {name: Checksum(len(content), _hash(content)) for name, content in last.items()}
        files = {name: asdict(found[name]) for name in sorted(found)}
        content = {"algorithm": ALGORITHM, "hash_of_files": _hash_of(files), "files": files}
        write_whole(root / CHECKSUMS, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode("utf-8"))


def read_checksums(path: str | Path) -> Checksums | None:
    """Read the checksums of an output; None if there are none.

    Raises
    ------
    OutputError
        If they cannot be read.
    """
    file = Path(path) / CHECKSUMS
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if content["algorithm"] != ALGORITHM:
            raise ValueError(f"its algorithm is {content['algorithm']}, not {ALGORITHM}")
        files: dict[str, Any] = content["files"]
        return Checksums(
            {name: Checksum(int(known["bytes"]), str(known["hash"])) for name, known in files.items()},
            intact=content.get("hash_of_files") == _hash_of(files),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise OutputError(
            f"{file}: the checksums cannot be read ({error}); copy the output again or run with --overwrite"
        ) from None


def covered_files(path: str | Path) -> Iterator[str]:
    """Names of the files of an output that have checksums, relative to its folder, with ``/`` between folders."""
    root = Path(path)
    for folder, subfolders, files in os.walk(root):
        place = Path(folder).relative_to(root)
        if place == Path():
            subfolders[:] = [name for name in subfolders if name not in UNCOVERED]
        for name in files:
            relative = (place / name).as_posix()
            if not name.endswith(PARTIAL) and relative != CHECKSUMS:
                yield relative


def file_checksum(file: Path) -> Checksum:
    """Read a file in pieces, and tell its length and hash.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, ALGORITHM).hexdigest()
        return Checksum(stream.tell(), digest)


def threads() -> int:
    """Files that are read at once."""
    return min(_THREADS, os.cpu_count() or 1)


def _hash_of(files: Mapping[str, Any]) -> str:
    """Hash of the checksums themselves, whatever the order and the spaces of their document."""
    return _hash(json.dumps(files, sort_keys=True, separators=(",", ":")).encode("utf-8"))


def _hash(content: bytes) -> str:
    return hashlib.new(ALGORITHM, content).hexdigest()
