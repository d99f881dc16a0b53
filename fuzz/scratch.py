"""A file in memory for readers that want a path."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder made in it has a name of its own
FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-", dir=_MEMORY if _MEMORY.is_dir() else None))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)


def file_of(content: bytes, name: str) -> Path:
    """Write content under a name, in place of what was there."""
    path = FOLDER / name
    path.write_bytes(content)
    return path
