"""The bytes of a file, local or remote, read from several threads at once."""

from __future__ import annotations

import os
import threading
from typing import BinaryIO, cast

from wsi_refocus.errors import MissingExtraError, SlideError
from wsi_refocus.slide.cause import cause


def is_remote(path: str) -> bool:
    """Whether a path is a URL."""
    return "://" in path


class FileBytes:
    """An open file.

    Parameters
    ----------
    path
        File, or a URL that fsspec knows.

    Raises
    ------
    SlideError
        If it cannot be opened.
    MissingExtraError
        If the URL needs a package that is not installed.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            self.handle: BinaryIO = _open_remote(path) if is_remote(path) else open(path, "rb")  # noqa: SIM115, PTH123
            self.size = self.handle.seek(0, os.SEEK_END)
        except FileNotFoundError:
            away = " or its server does not answer" if is_remote(path) else ""
            raise SlideError(f"{path}: there is no such file{away}; check the path") from None
        except IsADirectoryError:
            raise SlideError(f"{path}: is a folder, not a slide file; name a file in it") from None
        except (OSError, ValueError) as error:
            raise SlideError(
                f"{path}: cannot be opened ({cause(error)}); check the path and its permissions"
            ) from error
        # several threads of a worker read at once; pread needs no lock, and keeps network file systems busy
        self._descriptor = None if is_remote(path) or not hasattr(os, "pread") else self.handle.fileno()

    def read_at(self, offset: int, count: int) -> bytes:
        """Read ``count`` bytes from ``offset`` on; fewer at the end of the file.

        Raises
        ------
        OSError
            If reading fails.
        ValueError
            If the file is closed.
        """
        if self.handle.closed:  # its descriptor may belong to another file by now
            raise ValueError("the file is closed")
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


def _open_remote(url: str) -> BinaryIO:
    import fsspec  # type: ignore[import-untyped]

    try:
        return cast(BinaryIO, fsspec.open(url, "rb").open())
    except ImportError as error:
        raise MissingExtraError(
            f"{url}: remote slides need more packages ({cause(error)}); install wsi-refocus[remote]"
        ) from error
