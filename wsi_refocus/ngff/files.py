"""Files of an output: written whole or not at all, with failures told in one line."""

from __future__ import annotations

import errno
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wsi_refocus.errors import OutputError

PARTIAL = ".partial"
"""Ending of files that are being written, here and in zarr's own local store."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def explained(path: str | Path) -> Iterator[None]:
    """Turn what the operating system refuses into an error that a user can act on.

    Parameters
    ----------
    path
        Output that is being written, for the message.

    Raises
    ------
    OutputError
        If the disk is full, or the output cannot be written for another reason.
    """
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        if isinstance(error, FileExistsError | NotADirectoryError):
            problem = "cannot be written (a file lies where a folder should); choose another output with -o"
        elif error.errno in _FULL:
            problem = f"no space left to write ({error.strerror}); free some and run the same command again"
        else:
            problem = f"cannot be written ({error.strerror or error}); choose another output with -o"
        raise OutputError(f"{path}: {problem}") from error


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
