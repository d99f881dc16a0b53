"""The registry of methods that make one in-focus image of two defocused ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

from wsi_refocus.errors import UsageError
from wsi_refocus.methods import by_filters, by_torch
from wsi_refocus.methods.protocol import Method, MethodSpec


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line of the registry: what the method does, how to make it, and what it can make use of."""

    description: str
    make: Callable[[MethodSpec], Method]
    uses_gpu: bool = False
    trained: bool = False
    uses_profile: bool = False


def available() -> list[tuple[str, str]]:
    """Names of the methods, each with a description of one line."""
    return [(name, entry.description) for name, entry in _REGISTRY.items()]


def is_trained(name: str) -> bool:
    """Whether a method has learned from images: it has weights, and holds for pixels like theirs.

    Raises
    ------
    UsageError
        If the method is unknown.
    """
    return _entry(name).trained


def uses_profile(name: str) -> bool:
    """Whether a method can make use of the optics profile of a scanner.

    Raises
    ------
    UsageError
        If the method is unknown.
    """
    return _entry(name).uses_profile


def uses_gpu(name: str) -> bool:
    """Whether a method can run on a GPU.

    Raises
    ------
    UsageError
        If the method is unknown.
    """
    return _entry(name).uses_gpu


def make_method(spec: MethodSpec) -> Method:
    """Make a method ready in this process; only now is what it needs imported and loaded.

    Raises
    ------
    UsageError
        If the method is unknown, its device is not there, or it is given weights or a profile and uses none.
    CheckpointError
        If its checkpoint cannot be used.
    """
    entry = _entry(spec.name)
    resolve_device(spec.device, spec.name)
    if spec.checkpoint is not None and not entry.trained:
        raise UsageError(f"the method {spec.name} has no weights; leave the checkpoint out")
    if spec.profile is not None and not entry.uses_profile:
        raise UsageError(
            f"the method {spec.name} uses no optics profile; leave it out or choose --method joint or tsva-lite"
        )
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
    if device == "cpu" or (device == "auto" and _torch_is_for_cpus()):
        return "cpu"
    from wsi_refocus.network.device import resolve_device as resolve_for_network

    return resolve_for_network(device)


def _torch_is_for_cpus() -> bool:
    """Whether torch was built for CPUs alone, as far as its version says so; seconds faster than an import."""
    return version("torch").endswith("+cpu")


def device_count() -> int:
    """Count the GPUs that this process can use."""
    from wsi_refocus.network.device import cuda_count

    return cuda_count()


def _entry(name: str) -> _Entry:
    if name not in _REGISTRY:
        raise UsageError(f"there is no method {name!r}; choose one of {', '.join(_REGISTRY)}")
    return _REGISTRY[name]


_REGISTRY = {
    "tsva-lite": _Entry(
        "our two-shot network, fed by wave optics",
        by_torch.make_trained,
        uses_gpu=True,
        trained=True,
        uses_profile=True,
    ),
    "tsva": _Entry("the paper's two-shot network (TSVA)", by_torch.make_trained, uses_gpu=True, trained=True),
    "unet": _Entry("U-Net on the sharper shot alone", by_torch.make_trained, uses_gpu=True, trained=True),
    "burst": _Entry("burst network, to which no shot is special", by_torch.make_trained, uses_gpu=True, trained=True),
    "joint": _Entry(
        "optical density from both shots by wave optics, without a network",
        by_torch.make_joint,
        uses_gpu=True,
        uses_profile=True,
    ),
    "wiener": _Entry("Wiener filter of both shots by the incoherent model", by_filters.make_wiener, uses_profile=True),
    "richardson_lucy": _Entry(
        "Richardson-Lucy iteration on both shots", by_filters.make_richardson_lucy, uses_profile=True
    ),
    "edf": _Entry("wavelet fusion: of every detail that of the shot where it is stronger", by_filters.make_edf),
    "focus_map": _Entry("the sharper shot in every square of 64 pixels", by_filters.make_focus_map),
    "dark_channel": _Entry("blind deblurring of the sharper shot, dark channel prior", by_filters.make_dark_channel),
    "graph_prior": _Entry("blind deblurring of the sharper shot, graph prior", by_filters.make_graph_prior),
    "mean": _Entry("the mean of both shots", by_filters.make_mean),
    "sharpest": _Entry("the sharper of the two shots as it is", by_filters.make_sharpest),
}
