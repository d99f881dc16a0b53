"""What a server can show: content under keys, from a folder or from anything that looks like one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Mount(Protocol):
    """Something that holds content under keys."""

    def size(self, key: str) -> int | None:
        """Length in bytes of what lies under a key; None if there is nothing."""
        ...

    def read(self, key: str, start: int, stop: int) -> bytes:
        """Bytes ``start`` to ``stop`` of what lies under a key.

        Raises
        ------
        OSError or RefocusError
            If it cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class FolderMount:
    """Files of a folder; nothing outside it, whatever the key says or a link points at.

    Attributes
    ----------
    folder : Path
        The folder.
    """

    folder: Path

    def size(self, key: str) -> int | None:
        """Length of a file; None for what is absent, no file, or outside the folder."""
        path = self._file(key)
        return None if path is None else path.stat().st_size

    def read(self, key: str, start: int, stop: int) -> bytes:
        """Part of a file."""
        path = self._file(key)
        if path is None:
            raise FileNotFoundError(key)
        with path.open("rb") as file:
            file.seek(start)
            return file.read(stop - start)

    def _file(self, key: str) -> Path | None:
        try:
            root = self.folder.resolve()
            path = (root / key).resolve()
            return path if path.is_relative_to(root) and path.is_file() else None
        except (OSError, ValueError):  # a key that cannot be the name of a file: too long, or with a NUL
            return None
