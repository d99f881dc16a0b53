"""The bytes of a file, local or remote, read from several threads at once."""

from __future__ import annotations

import os
import threading
from typing import BinaryIO, cast

from wsi_refocus.errors import SlideError
from wsi_refocus.slide.cause import cause
from wsi_refocus.storage.handle import RemoteHandle
from wsi_refocus.storage.ranges import RemoteFile
from wsi_refocus.storage.urls import is_remote


class FileBytes:
    """An open file.

    Parameters
    ----------
    path
        File, or a URL that fsspec knows.

    Attributes
    ----------
    path : str
        As given.
    handle : BinaryIO
        The same bytes as a file object. That of a URL has a position of its own for each thread, and keeps blocks.
    size : int
        Bytes.

    Raises
    ------
    SlideError
        If it cannot be opened.
    UsageError
        If the URL carries credentials.
    MissingExtraError
        If the URL needs a package that is not installed.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.handle: BinaryIO
        self._lock = threading.Lock()
        self._remote = RemoteFile(path) if is_remote(path) else None
        self._descriptor: int | None = None
        if self._remote is not None:
            self.handle, self.size = cast(BinaryIO, RemoteHandle(self._remote)), self._remote.size
            return
        try:
            self.handle = open(path, "rb")  # noqa: SIM115, PTH123
            self.size = self.handle.seek(0, os.SEEK_END)
        except FileNotFoundError:
            raise SlideError(f"{path}: there is no such file; check the path") from None
        except IsADirectoryError:
            raise SlideError(f"{path}: is a folder, not a slide file; name a file in it") from None
        except (OSError, ValueError) as error:
            raise SlideError(
                f"{path}: cannot be opened ({cause(error)}); check the path and its permissions"
            ) from error
        # several threads of a worker read at once; pread needs no lock, and keeps network file systems busy
        self._descriptor = self.handle.fileno() if hasattr(os, "pread") else None

    def read_at(self, offset: int, count: int) -> bytes:
        """Read ``count`` bytes from ``offset`` on; fewer at the end of the file.

        Raises
        ------
        OSError
            If reading a local file fails.
        SlideError
            If a remote file cannot be reached, or was replaced.
        ValueError
            If the file is closed.
        """
        if self.handle.closed:  # its descriptor may belong to another file by now
            raise ValueError("the file is closed")
        if self._remote is not None:
            return self._remote.read_at(offset, count)
        if self._descriptor is None:
            with self._lock:
                self.handle.seek(offset)
                return self.handle.read(count)
        data = os.pread(self._descriptor, count, offset)
        while len(data) < count:  # a pread stops short at 2 GiB, and when a signal comes
            more = os.pread(self._descriptor, count - len(data), offset + len(data))
            if not more:
                break
            data += more
        return data

    def close(self) -> None:
        """Close the file."""
        self.handle.close()
