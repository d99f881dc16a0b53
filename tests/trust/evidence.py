"""Evidence that nothing can be said against."""

from typing import Any

from wsi_refocus.trust.bound import Bounds
from wsi_refocus.trust.evidence import Evidence

BOUNDS = Bounds(psnr=35.0, psnr_bound=31.0, gain=3.0, gain_bound=0.5)


def good_evidence(**changed: Any) -> Evidence:
    """Evidence of a tile that is to be believed, but for what is named."""
    values: dict[str, Any] = {
        "z_first_um": -0.8,
        "z_second_um": 0.7,
        "drift_um": 0.05,
        "spacing_um": 1.5,
        "chi2_first": 1.0,
        "chi2_second": 1.1,
        "unvouched": 0.001,
        "disagreement": 0.3,
        "network_disagreement": 1.0,
        "haematoxylin_change": 0.001,
        "eosin_change": 0.001,
        "change": 5.0,
        "spacing_ratio": 1.0,
        "spacing_tension": 0.0,
        "sharper_z_um": 0.7,
        "noise_in_common": 0.02,
        "features": {},
    }
    return Evidence(**{**values, **changed})
