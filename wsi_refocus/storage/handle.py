"""A remote file as a file object, for libraries that want one: small readings are served from blocks."""

from __future__ import annotations

import io
import os
import threading
from collections import OrderedDict
from typing import Any

from wsi_refocus.storage.ranges import BLOCK, RemoteFile

BLOCKS = 32
"""Blocks that are kept, the last used: 8 MiB."""


class RemoteHandle(io.RawIOBase):
    """File object over a remote file; each thread has a position of its own.

    Readings shorter than a block are served from blocks of `BLOCK` bytes, of which the last used are kept, as the
    directories of a TIFF are many small readings near one another. Longer ones are one request each.

    Parameters
    ----------
    file
        The file.
    """

    def __init__(self, file: RemoteFile) -> None:
        super().__init__()
        self._file = file
        self._place = threading.local()
        self._lock = threading.Lock()
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def seekable(self) -> bool:
        """Whether it has a position that can be set."""
        return True

    def tell(self) -> int:
        """Position of this thread, in bytes."""
        return int(getattr(self._place, "position", 0))

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position of this thread, and return it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self.tell(), os.SEEK_END: self._file.size}[whence]
        if base + offset < 0:
            raise ValueError(f"there is no position {base + offset}")
        self._place.position = base + offset
        return self.tell()

    def read(self, size: int | None = -1) -> bytes:
        """Read ``size`` bytes at the position of this thread, or all that follow; fewer at the end."""
        if self.closed:
            raise ValueError("the file is closed")
        start = self.tell()
        count = max(0, self._file.size - start)
        if size is not None and size >= 0:
            count = min(size, count)
        data = self._file.read_at(start, count) if count >= BLOCK else self._from_blocks(start, count)
        self._place.position = start + len(data)
        return data

    def readall(self) -> bytes:
        """Read all that follow."""
        return self.read()

    def readinto(self, buffer: Any) -> int:
        """Read as many bytes as a buffer has."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def _from_blocks(self, start: int, count: int) -> bytes:
        if not count:
            return b""
        numbers = range(start // BLOCK, (start + count - 1) // BLOCK + 1)
        joined = b"".join(self._block(number) for number in numbers)
        return joined[start % BLOCK :][:count]

    def _block(self, number: int) -> bytes:
        with self._lock:
            if number in self._blocks:
                self._blocks.move_to_end(number)
                return self._blocks[number]
        block = self._file.read_at(number * BLOCK, BLOCK)
        with self._lock:
            self._blocks[number] = block
            while len(self._blocks) > BLOCKS:
                self._blocks.popitem(last=False)
        return block
