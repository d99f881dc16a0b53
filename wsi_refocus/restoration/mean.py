"""The mean of both shots: the baseline that is hard to beat on real stacks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Mean:
    """Averages the aligned shots."""

    name = "mean"
    halo = 0
    stride = 1
    batch = 1
    by_height = False
    checkpoint_sha256: str | None = None

    def restore(self, sharper: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Average two shots in whole grey levels, (Y1 + Y2 + 1) // 2: halves go up, in either order.

        Parameters
        ----------
        sharper
            The sharper shot of every tile, shape (n, height, width, 3).
        other
            The other shot, aligned with the first, of the same shape.

        Returns
        -------
        ndarray of shape (n, height, width, 3)
            The mean.

        Raises
        ------
        ValueError
            If the shapes differ.
        """
        if sharper.shape != other.shape:
            raise ValueError(f"the shots differ in shape: {sharper.shape}, {other.shape}")
        # the shared bits and half of the others, rounded up: a mean that needs no wider integers
        mean: NDArray[np.uint8] = (sharper | other) - ((sharper ^ other) >> 1)
        return mean
