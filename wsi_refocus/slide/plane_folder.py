"""A folder with one image a plane, seen as a slide."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.errors import SlideError
from wsi_refocus.geometry import Region, Size
from wsi_refocus.slide.fingerprint import fingerprint
from wsi_refocus.slide.model import FocalPlane, Level, SlideInfo
from wsi_refocus.slide.picture import read_picture
from wsi_refocus.slide.reader import SlideReader

_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp")


class PlaneFolder(SlideReader):
    """Images of one field, in the order of their names; they are held in memory.

    Parameters
    ----------
    folder
        Folder with one image a plane.

    Raises
    ------
    SlideError
        If the folder holds fewer than three images, they differ in size, or one cannot be read.
    """

    def __init__(self, folder: str | Path) -> None:
        paths = sorted(path for path in Path(folder).glob("*") if path.suffix.lower() in _SUFFIXES)
        if len(paths) < 3:
            raise SlideError(f"{folder}: holds {len(paths)} images; a focal stack is a folder of at least three")
        self._planes = [read_picture(path) for path in paths]
        if len({plane.shape for plane in self._planes}) > 1:
            raise SlideError(f"{folder}: its images differ in size; give the planes of one field")
        height, width = self._planes[0].shape[:2]
        super().__init__(
            SlideInfo(
                paths=(str(folder),),
                format="folder",
                levels=(Level(Size(height, width)),),
                planes=tuple(FocalPlane(index) for index in range(len(paths))),
                mpp=None,
                fingerprint=(fingerprint(str(folder)),),
            )
        )

    def read_region(self, plane: int, level: int, region: Region) -> NDArray[np.uint8]:
        """Read pixels; as `SlideSource.read_region`."""
        self.check(plane, level, region)
        return self._planes[plane][region.slices]

    def read_associated(self, name: str) -> NDArray[np.uint8]:
        """Refuse, as there are none."""
        self.check_associated(name)
        raise AssertionError  # nothing passes the check

    def close(self) -> None:
        """Let go of the pixels."""
        self._planes = []
