"""Files of an output: written whole or not at all, with failures told in one line."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wsi_refocus.errors import OutputError
from wsi_refocus.storage.refusals import refusal

PARTIAL = ".partial"
"""Ending of files that are being written, here and in zarr's own local store."""


@contextmanager
def explained(path: str | Path) -> Iterator[None]:
    """Turn what the operating system refuses into an error that a user can act on.

    Parameters
    ----------
    path
        Output that is being written, for the message.

    Raises
    ------
    NoSpaceError
        If the disk or the quota is full.
    OutputError
        If the output cannot be written for another reason.
    """
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        raise refusal(str(path), error) from error


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all; its folder is made if needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}{PARTIAL}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
