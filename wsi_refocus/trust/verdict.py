"""Whether a tile is to be believed, and if not, why."""

from __future__ import annotations

from collections.abc import Mapping

from wsi_refocus.trust.limits import RULES, Limits

TOO_SMALL = "the tile is too small to be judged"
IN_FOCUS = "the sharper shot needs no refocusing"


def doubt(evidence: Mapping[str, float], limits: Limits) -> str:
    """Why a refocused tile is not to be believed.

    Parameters
    ----------
    evidence
        What was found out about the tile, the bounds among it, by name. What is NaN breaks no limit.
    limits
        What it may be.

    Returns
    -------
    str
        Reason of the first rule that is broken, with the number that breaks it; empty if none is.
    """
    allowed = limits.to_json()
    return next(filter(None, (rule.broken_by(evidence, allowed[rule.limit]) for rule in RULES)), "")


def kind_of(reason: str) -> str:
    """A reason without the number that led to it, so that reasons can be counted."""
    return reason.partition(" (")[0]


def is_in_focus(evidence: Mapping[str, float], limits: Limits) -> bool:
    """Whether the sharper shot needs no refocusing: it predicts the tile without blur, and hardly differs from it."""
    return evidence["sharper_z_um"] <= limits.in_focus_um and evidence["change"] <= limits.in_focus_change
