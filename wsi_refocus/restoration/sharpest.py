"""The sharper shot as it is: the baseline that costs nothing, and the measure of reading and writing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Sharpest:
    """Gives back the sharper shot Y1."""

    name = "sharpest"
    halo = 0
    stride = 1
    batch = 1
    by_height = False
    checkpoint_sha256: str | None = None

    def restore(self, sharper: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Give back ``sharper`` itself, not a copy.

        Parameters
        ----------
        sharper
            The sharper shot of every tile, shape (n, height, width, 3).
        other
            The other shot; not looked at.

        Returns
        -------
        ndarray of shape (n, height, width, 3)
            The sharper shot.
        """
        return sharper
