"""The registry of methods that make one in-focus image of two defocused ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.errors import UsageError


@dataclass(frozen=True, slots=True)
class MethodSpec:
    """What is needed to make a method in any process.

    Attributes
    ----------
    name : str
        Name in the registry.
    checkpoint : str or None
        Path of a checkpoint; None for the bundled one of methods that have one.
    device : str
        ``cpu``, ``cuda`` or ``cuda:N``.
    """

    name: str
    checkpoint: str | None = None
    device: str = "cpu"


class Method(Protocol):
    """A method, ready to use in this process.

    Attributes
    ----------
    name : str
        Name in the registry.
    halo : int
        Pixels a side beyond a tile that its result depends on; a multiple of ``stride``.
    stride : int
        Tile origins must be multiples of this on the slide's own grid.
    checkpoint_sha256 : str or None
        Hash of the weights, for methods that have weights.
    """

    @property
    def name(self) -> str: ...

    @property
    def halo(self) -> int: ...

    @property
    def stride(self) -> int: ...

    @property
    def checkpoint_sha256(self) -> str | None: ...

    def restore(
        self, sharper: NDArray[np.uint8], other: NDArray[np.uint8]
    ) -> NDArray[np.uint8] | NDArray[np.float32]:
        """Restore a batch of tiles.

        Parameters
        ----------
        sharper
            The sharper shot Y1 of every tile, shape (n, height, width, 3).
        other
            The other shot Y2, aligned with the first, of the same shape.

        Returns
        -------
        ndarray of shape (n, height, width, 3)
            In grey levels, 0 to 255: uint8, or float32 not yet rounded.
        """
        ...
