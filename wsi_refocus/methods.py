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
    threads : int
        Tiles that it may restore at once on the CPU; the result does not depend on it.
    """

    name: str
    checkpoint: str | None = None
    device: str = "cpu"
    threads: int = 1


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
            The sharper shot Y1 of every tile, shape (n, height, width, 3).
        other
            The other shot Y2, aligned with the first, of the same shape.

        Returns
        -------
        ndarray of shape (n, height, width, 3)
            In grey levels, 0 to 255: uint8, or float32 not yet rounded.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line of the registry: what the method does, how to make it, and whether a GPU serves it."""

    description: str
    make: Callable[[MethodSpec], Method]
    uses_gpu: bool = False


def available() -> list[tuple[str, str]]:
    """Names of the methods, each with a description of one line."""
    return [(name, entry.description) for name, entry in _REGISTRY.items()]


def make_method(spec: MethodSpec) -> Method:
    """Make a method ready in this process; only now is what it needs imported and loaded.

    Raises
    ------
    UsageError
        If the method is unknown, its device is not there, or it is given weights and has none.
    CheckpointError
        If its checkpoint cannot be used.
    """
    entry = _entry(spec.name)
    resolve_device(spec.device, spec.name)
    return entry.make(spec)


def resolve_device(device: str, method: str) -> str:
    """Settle on a device for a method, without importing torch for one that needs none.

    Parameters
    ----------
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    method
        Name of the method.

    Returns
    -------
    str
        ``cpu``, ``cuda`` or ``cuda:N``; ``auto`` is a GPU where there is one and the method can use it.

    Raises
    ------
    UsageError
        If the method or the device is unknown, or the device is not there or not usable by the method.
    """
    if not _entry(method).uses_gpu:
        if device not in ("cpu", "auto"):
            raise UsageError(f"the method {method} runs on the CPU only; choose --device cpu or auto")
        return "cpu"
    if device == "cpu":
        return device
    from wsi_refocus.network.device import resolve_device as resolve_for_network

    return resolve_for_network(device)


def device_count() -> int:
    """Count the GPUs that this process can use."""
    from wsi_refocus.network.device import cuda_count

    return cuda_count()


def _entry(name: str) -> _Entry:
    if name not in _REGISTRY:
        raise UsageError(f"there is no method {name!r}; choose one of {', '.join(_REGISTRY)}")
    return _REGISTRY[name]


def _make_tsva(spec: MethodSpec) -> Method:
    from wsi_refocus.network.inference import NetworkMethod
    from wsi_refocus.network.zoo import default_checkpoint, find_checkpoint

    path = default_checkpoint() if spec.checkpoint is None else find_checkpoint(spec.checkpoint)
    return NetworkMethod.from_checkpoint(spec.name, path, spec.device, spec.threads)


def _make_sharpest(spec: MethodSpec) -> Method:
    from wsi_refocus.restoration.sharpest import Sharpest

    _refuse_weights(spec)
    return Sharpest()


def _make_mean(spec: MethodSpec) -> Method:
    from wsi_refocus.restoration.mean import Mean

    _refuse_weights(spec)
    return Mean()


def _refuse_weights(spec: MethodSpec) -> None:
    if spec.checkpoint is not None:
        raise UsageError(f"the method {spec.name} has no weights; leave the checkpoint out")


_REGISTRY = {
    "tsva": _Entry("network that fuses both shots (two-shot virtual autofocusing)", _make_tsva, uses_gpu=True),
    "sharpest": _Entry("the sharper of the two shots as it is", _make_sharpest),
    "mean": _Entry("the mean of both shots", _make_mean),
}
