"""What a method is: the protocol that a run speaks to, and what is needed to make one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.network.precision import Precision


@dataclass(frozen=True, slots=True)
class ShotGeometry:
    """How the two shots of a slide were taken.

    Attributes
    ----------
    offset_um : float
        ΔD: half of the distance of the two focal planes, in µm of stage travel.
    mpp : float
        µm per pixel.
    """

    offset_um: float = 0.75
    mpp: float = 0.25


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
    shots : ShotGeometry
        How the shots were taken.
    profile : str or None
        Path of an optics profile, for methods that can use one; None for nominal optics.
    threads : int
        Tiles that it may restore at once on the CPU; the result does not depend on it.
    precision : str
        What networks work in; see `wsi_refocus.network.precision`.
    """

    name: str
    checkpoint: str | None = None
    device: str = "cpu"
    shots: ShotGeometry = ShotGeometry()
    profile: str | None = None
    threads: int = 1
    precision: Precision = "auto"

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """Rebuild from what ``asdict`` and JSON made of it."""
        return cls(**{**stored, "shots": ShotGeometry(**stored["shots"])})


class Method(Protocol):
    """A method, ready to use in this process."""

    @property
    def name(self) -> str:
        """Name in the registry."""
        ...

    @property
    def halo(self) -> int:
        """Pixels a side beyond a tile that its result depends on; a multiple of ``stride``."""
        ...

    @property
    def stride(self) -> int:
        """Tiles start at multiples of this on the slide's own grid."""
        ...

    @property
    def by_height(self) -> bool:
        """Whether it takes the lower shot first, instead of the sharper one."""
        ...

    @property
    def batch(self) -> int:
        """Tiles that it likes to be given at once."""
        ...

    @property
    def checkpoint_sha256(self) -> str | None:
        """Hash of the weights' file, for methods that have weights."""
        ...

    def restore(self, sharper: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.uint8] | NDArray[np.float32]:
        """Restore a batch of tiles.

        Parameters
        ----------
        sharper
            The sharper shot Y1 of every tile, or with `by_height` the lower one, shape (n, height, width, 3).
        other
            The other shot Y2, aligned with the first, of the same shape.

        Returns
        -------
        ndarray of shape (n, height, width, 3)
            In grey levels, 0 to 255: uint8, or float32 not yet rounded. It holds from `halo` pixels (or 64, if
            those are fewer) inside a tile's border on.
        """
        ...


@dataclass(frozen=True, slots=True)
class MethodTraits:
    """What a run must know of a method before it begins, without having it in its own process.

    Attributes
    ----------
    name : str
        Name in the registry.
    stride : int
        As of `Method`.
    by_height : bool
        As of `Method`.
    checkpoint_sha256 : str or None
        As of `Method`.
    """

    name: str
    stride: int
    by_height: bool
    checkpoint_sha256: str | None

    @classmethod
    def of(cls, method: Method) -> Self:
        """Traits of a method."""
        return cls(method.name, method.stride, method.by_height, method.checkpoint_sha256)


@runtime_checkable
class Rounding(Protocol):
    """A method whose result depends a little on what its processor or GPU multiplies."""

    @property
    def precision(self) -> str:
        """What that is: ``float32``, ``bfloat16`` or ``float16``."""
        ...


@runtime_checkable
class Locating(Protocol):
    """A method that can also say where the section lies."""

    def height_um(self, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Height of the middle of both shots above the section, in µm, over a tile; None if it does not know.

        Parameters
        ----------
        first
            Lower shot, shape (height, width, 3).
        second
            The other shot, aligned with the first.
        """
        ...
