"""Options that a method has no use for are refused, not ignored."""

from __future__ import annotations

from wsi_refocus.errors import UsageError
from wsi_refocus.methods.protocol import MethodSpec


def refuse_profile(spec: MethodSpec) -> None:
    """Refuse an optics profile.

    Raises
    ------
    UsageError
        If one is named.
    """
    if spec.profile is not None:
        raise UsageError(
            f"the method {spec.name} uses no optics profile; leave it out or choose --method joint or tsva-lite"
        )


def refuse_weights(spec: MethodSpec) -> None:
    """Refuse a checkpoint.

    Raises
    ------
    UsageError
        If one is named.
    """
    if spec.checkpoint is not None:
        raise UsageError(f"the method {spec.name} has no weights; leave the checkpoint out")
