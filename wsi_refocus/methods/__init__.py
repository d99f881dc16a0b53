"""Methods that make one in-focus image of two defocused ones, behind one protocol."""

from wsi_refocus.methods.by_torch import PHASE_RANGE, PHASE_ZERO, bank_for, inversion_method, make_phase, weights_of
from wsi_refocus.methods.protocol import Locating, Method, MethodSpec, MethodTraits, Rounding, ShotGeometry
from wsi_refocus.methods.registry import (
    available,
    device_count,
    is_trained,
    make_method,
    resolve_device,
    uses_gpu,
    uses_profile,
)

__all__ = [
    "PHASE_RANGE",
    "PHASE_ZERO",
    "Locating",
    "Method",
    "MethodSpec",
    "MethodTraits",
    "Rounding",
    "ShotGeometry",
    "available",
    "bank_for",
    "device_count",
    "inversion_method",
    "is_trained",
    "make_method",
    "make_phase",
    "resolve_device",
    "uses_gpu",
    "uses_profile",
    "weights_of",
]
