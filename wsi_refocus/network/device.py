"""The devices that a network can run on."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import torch

from wsi_refocus.errors import UsageError

_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8
_KEPT = 2**30


def keep_freed_memory() -> None:
    """Tell glibc to keep freed memory for what comes next, in any thread, up to 1 GiB of it; no-op elsewhere.

    Maps of many megabytes come and go with every layer. Given back to the system each time, they are faulted in anew,
    and a prediction takes up to twice as long. Workers are told so by their environment before they start.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            library = ctypes.CDLL(None)
            library.mallopt(_M_ARENA_MAX, 1)
            library.mallopt(_M_MMAP_MAX, 0)
            library.mallopt(_M_TRIM_THRESHOLD, _KEPT)


def cuda_count() -> int:
    """Count the CUDA devices that this process can use."""
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def resolve_device(device: str) -> str:
    """Settle on a device for a network.

    Parameters
    ----------
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Returns
    -------
    str
        ``cpu``, ``cuda`` or ``cuda:N``; ``auto`` is a GPU where there is one.

    Raises
    ------
    UsageError
        If the device is unknown or not there.
    """
    if device == "cpu":
        return "cpu"
    if device == "auto":
        return "cuda" if cuda_count() else "cpu"
    kind, colon, number = device.partition(":")
    if kind != "cuda" or (colon and not (number.isascii() and number.isdigit())):
        raise UsageError(f"there is no device {device!r}; choose auto, cpu, cuda or cuda:N")
    found = cuda_count()
    if found <= int(number or 0):
        raise UsageError(f"no CUDA device for {device}: {found} can be used here; choose --device cpu or auto")
    return device


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch work in the calling thread alone.

    Several predictions run side by side in threads of their own; and sums that are not split among threads
    come out the same on every machine of one kind, whatever its number of cores.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
