"""Whether a tile is to be believed, and if not, why."""

from __future__ import annotations

import math

from wsi_refocus.trust.bound import Bounds
from wsi_refocus.trust.evidence import Evidence
from wsi_refocus.trust.limits import Limits

IN_FOCUS = "the sharper shot is in focus already"


def doubt(evidence: Evidence, bounds: Bounds, limits: Limits) -> str:
    """Why a refocused tile is not to be believed.

    Parameters
    ----------
    evidence, bounds
        What was found out about the tile. What is NaN breaks no limit.
    limits
        What they may be.

    Returns
    -------
    str
        The first limit that is broken, with the number that breaks it; empty if none is.
    """
    if bounds.gain_bound < limits.gain_bound:
        return f"refocusing may be worse than the sharper shot (gain bound {bounds.gain_bound:+.2f} dB)"
    if bounds.psnr_bound < limits.psnr_bound:
        return f"the error may be too large (PSNR bound {bounds.psnr_bound:.1f} dB)"
    chi2 = max(evidence.chi2_first, evidence.chi2_second)
    stain = max(evidence.haematoxylin_change, evidence.eosin_change)
    checks = (
        (evidence.noise_in_common, limits.noise_in_common, "both shots are the same ({:.2f} of the noise in common)"),
        (chi2, limits.chi2, "blurred again it does not predict the shots (χ² {:.0f})"),
        (abs(evidence.drift_um), limits.drift_um, "focus lies too far away (drift {:.1f} µm)"),
        (evidence.unvouched, limits.unvouched, "neither shot vouches for its detail ({:.0%} of the energy)"),
        (evidence.disagreement, limits.disagreement, "turned shots give another picture ({:.1f} grey levels)"),
        (
            evidence.network_disagreement,
            limits.network_disagreement,
            "another network gives another picture ({:.1f} grey levels)",
        ),
        (stain, limits.stain_change, "its colours changed ({:.3f} of optical density)"),
    )
    for value, limit, reason in checks:
        if value > limit:
            return reason.format(value)
    ratio = abs(evidence.spacing_ratio)
    if ratio > limits.spacing or ratio * limits.spacing < 1:
        return f"the fitted distance of the planes is {evidence.spacing_ratio:.2f} times the known one"
    return ""


def is_in_focus(evidence: Evidence, limits: Limits) -> bool:
    """Whether the sharper shot is in focus already, so that there is nothing to refocus."""
    if math.isnan(evidence.change):
        return False
    return evidence.sharper_z_um <= limits.in_focus_um and evidence.change <= limits.in_focus_change
