"""How exactly the convolutions of a network multiply; torch is imported only where it is asked what is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

Precision = Literal["auto", "full", "half"]
"""What can be asked for: single precision, or half of it where that is faster; with ``auto``, on the CPU, only for
networks that it changes by less than a grey level."""


def resolve_precision(precision: Precision, device: str) -> torch.dtype:
    """Settle on what convolutions work with.

    Parameters
    ----------
    precision
        ``full`` is single precision; the others are half of it on GPUs, and on processors that have instructions to
        multiply matrices of it (Intel's AMX): others are slower with it than without.
    device
        ``cpu``, ``cuda`` or ``cuda:N``.

    Returns
    -------
    torch.dtype
        `torch.float32`, `torch.bfloat16`, or `torch.float16` on GPUs that do not know the former.
    """
    import torch

    if precision == "full":
        return torch.float32
    if device == "cpu":
        capabilities: Mapping[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()  # newer than torch 2.8
        return torch.bfloat16 if capabilities.get("amx_bf16") else torch.float32
    with torch.cuda.device(device):
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
