"""Evidence that nothing can be said against."""

from dataclasses import fields

from wsi_refocus.trust.evidence import Evidence
from wsi_refocus.trust.limits import RULES, Limits

_AT_THE_LIMIT = {column: Limits().to_json()[rule.limit] for rule in RULES for column in rule.columns}
GOOD = _AT_THE_LIMIT | {
    "z_first_um": -0.8,
    "z_second_um": 0.7,
    "drift_um": 0.05,
    "spacing_um": 1.5,
    "chi2_first": 1.0,
    "chi2_second": 1.1,
    "unvouched": 0.001,
    "disagreement": 0.3,
    "network_disagreement": 1.0,
    "network_agreement": 0.9,
    "haematoxylin_change": 0.001,
    "eosin_change": 0.001,
    "change": 5.0,
    "spacing_factor": 1.0,
    "sharper_z_um": 0.7,
    "shots_in_common": 0.98,
    "noise_in_common": 0.02,
    "psnr_bound": 31.0,
    "gain_bound": 1.5,
}
"""By name, the bounds among it."""
ANYTHING = {rule.limit: -1e9 if rule.is_least else 1e9 for rule in RULES} | {"in_focus_um": -1.0}
"""Limits that no tile breaks, and that none is in focus by."""


def as_evidence(values: dict[str, float]) -> Evidence:
    """The same as a tile's evidence; 0 where nothing is said."""
    names = [each.name for each in fields(Evidence) if each.name != "features"]
    return Evidence(**{name: values.get(name, 0.0) for name in names}, features={})
