"""A slide whose bytes are read from a copy, while it is still known by its own name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.errors import RefocusError
from wsi_refocus.geometry import Region
from wsi_refocus.slide.fingerprint import fingerprint_of_copy
from wsi_refocus.slide.reader import SlideReader
from wsi_refocus.storage.urls import is_remote


class CopiedSource(SlideReader):
    """An open copy in the name of its original; closed with it.

    Parameters
    ----------
    source
        The open copy.
    path
        Original, for descriptions and messages.
    copy
        Where the copy lies.

    Raises
    ------
    SlideError
        If the copy cannot be read.
    """

    def __init__(self, source: SlideReader, path: str, copy: str) -> None:
        self._source, self._path, self._copy = source, path, copy
        try:
            info = replace(source.info, paths=(path,), fingerprint=(fingerprint_of_copy(copy, path),))
        except BaseException:
            source.close()
            raise
        super().__init__(info)

    def read_region(self, plane: int, level: int, region: Region) -> NDArray[np.uint8]:
        """Read pixels; as `SlideSource.read_region`."""
        with told_of(self._path, self._copy):
            return self._source.read_region(plane, level, region)

    def read_associated(self, name: str) -> NDArray[np.uint8]:
        """Read an associated image as RGB of shape (height, width, 3)."""
        with told_of(self._path, self._copy):
            return self._source.read_associated(name)

    def close(self) -> None:
        """Close the copy."""
        self._source.close()


@contextmanager
def told_of(path: str, copy: str) -> Iterator[None]:
    """Let errors speak of the original; where the copy is missing, of the copy as well.

    Parameters
    ----------
    path
        Original.
    copy
        Copy that is being read.
    """
    try:
        yield
    except RefocusError as error:
        if not is_remote(copy) and not Path(copy).exists():
            raise type(error)(
                f"{path}: its copy {copy} is not there; name a --scratch folder that all workers see"
            ) from error
        raise type(error)(str(error).replace(copy, path)) from error
