"""What every reader of slides offers; one more format is one more file with such a class."""

from __future__ import annotations

from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.geometry import Region
from wsi_refocus.slide.model import SlideInfo


class SlideSource(Protocol):
    """An open slide. Reading is safe from several threads at once."""

    @property
    def info(self) -> SlideInfo:
        """Description of the slide."""
        ...

    def read_region(self, plane: int, level: int, region: Region) -> NDArray[np.uint8]:
        """Read pixels.

        Parameters
        ----------
        plane
            Index of the focal plane.
        level
            Level of the pyramid, 0 the finest.
        region
            Pixels of that level, inside its extent.

        Returns
        -------
        ndarray of shape (height, width, 3)
            RGB.

        Raises
        ------
        CorruptRegionError
            If the pixels cannot be decoded.
        """
        ...

    def read_associated(self, name: str) -> NDArray[np.uint8]:
        """Read an associated image as RGB of shape (height, width, 3)."""
        ...

    def close(self) -> None:
        """Release the files."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...
