"""The registry of methods that make one in-focus image of two defocused ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.errors import UsageError

if TYPE_CHECKING:
    from wsi_refocus.network.dual_plane import DualPlaneFilters, Guesses
    from wsi_refocus.optics.profile import OpticsProfile


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
    """

    name: str
    checkpoint: str | None = None
    device: str = "cpu"
    shots: ShotGeometry = ShotGeometry()
    profile: str | None = None
    threads: int = 1

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

    _refuse_profile(spec)
    path = default_checkpoint() if spec.checkpoint is None else find_checkpoint(spec.checkpoint)
    return NetworkMethod.from_checkpoint(
        spec.name, path, spec.device, threads=spec.threads, filters_for=partial(bank_for, spec.shots)
    )


def bank_for(shots: ShotGeometry, guesses: Guesses) -> DualPlaneFilters:
    """Make the bank of inversions that feeds a network, for shots taken in this way."""
    from wsi_refocus.network.dual_plane import DualPlaneFilters
    from wsi_refocus.optics.inversion import RADIUS, inversion_kernels
    from wsi_refocus.optics.transfer import Microscope

    optics = Microscope(guesses.numerical_aperture, guesses.condenser_ratio)
    heights = [(drift - shots.offset_um, drift + shots.offset_um) for drift in guesses.drifts_um]
    return DualPlaneFilters(inversion_kernels(optics, shots.mpp, heights), RADIUS)


def _make_joint(spec: MethodSpec) -> Method:
    from wsi_refocus.optics.profile import OpticsProfile

    _refuse_weights(spec)
    profile = OpticsProfile() if spec.profile is None else OpticsProfile.read(spec.profile)
    heights = (-spec.shots.offset_um, spec.shots.offset_um)
    return inversion_method(spec.name, spec.shots.mpp, [heights], profile, spec.device, spec.threads)


def inversion_method(
    name: str,
    mpp: float,
    heights_um: Sequence[tuple[float, float]],
    profile: OpticsProfile,
    device: str = "cpu",
    threads: int = 1,
) -> Method:
    """Make the inversion of two shots at known heights.

    Parameters
    ----------
    name
        Name of the method.
    mpp
        µm per pixel.
    heights_um
        Heights of the two shots over the section, in µm as the stage says: one pair.
    profile
        Optics.
    device, threads
        As in `MethodSpec`.
    """
    from wsi_refocus.network.dual_plane import DualPlaneFilters, FixedInversion
    from wsi_refocus.network.inference import NetworkMethod
    from wsi_refocus.optics.inversion import RADIUS, inversion_kernels

    heights = [profile.heights(*pair) for pair in heights_um]
    kernels = inversion_kernels(profile.optics, mpp, heights, profile.regularisation)
    return NetworkMethod(name, FixedInversion(DualPlaneFilters(kernels, RADIUS)), device, threads=threads)


def _make_sharpest(spec: MethodSpec) -> Method:
    from wsi_refocus.restoration.sharpest import Sharpest

    _refuse_weights(spec)
    _refuse_profile(spec)
    return Sharpest()


def _make_mean(spec: MethodSpec) -> Method:
    from wsi_refocus.restoration.mean import Mean

    _refuse_weights(spec)
    _refuse_profile(spec)
    return Mean()


def _refuse_profile(spec: MethodSpec) -> None:
    if spec.profile is not None:
        raise UsageError(f"the method {spec.name} uses no optics profile; leave it out or choose --method joint")


def _refuse_weights(spec: MethodSpec) -> None:
    if spec.checkpoint is not None:
        raise UsageError(f"the method {spec.name} has no weights; leave the checkpoint out")


_REGISTRY = {
    "tsva": _Entry("network that fuses both shots (two-shot virtual autofocusing)", _make_tsva, uses_gpu=True),
    "joint": _Entry("optical density from both shots by wave optics, without a network", _make_joint, uses_gpu=True),
    "sharpest": _Entry("the sharper of the two shots as it is", _make_sharpest),
    "mean": _Entry("the mean of both shots", _make_mean),
}
