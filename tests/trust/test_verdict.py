"""The verdict: every limit that is broken gives its reason, and what was not measured breaks none."""

import math
from dataclasses import fields, replace
from typing import Any

import pytest

from tests.trust.evidence import BOUNDS, good_evidence
from wsi_refocus.trust.bound import UNKNOWN, Bounds
from wsi_refocus.trust.evidence import Evidence
from wsi_refocus.trust.judge import Judgement
from wsi_refocus.trust.limits import Limits
from wsi_refocus.trust.verdict import IN_FOCUS, doubt, is_in_focus

LIMITS = Limits()
NAN = math.nan
BY_EVIDENCE: list[tuple[str, dict[str, Any], str]] = [
    ("chi2", {"chi2_first": LIMITS.chi2 + 1}, "blurred again"),
    ("chi2", {"chi2_second": LIMITS.chi2 + 1}, "blurred again"),
    ("drift_um", {"drift_um": LIMITS.drift_um + 0.1}, "focus lies too far"),
    ("drift_um", {"drift_um": -LIMITS.drift_um - 0.1}, "focus lies too far"),
    ("unvouched", {"unvouched": LIMITS.unvouched + 0.01}, "neither shot vouches"),
    ("disagreement", {"disagreement": LIMITS.disagreement + 0.1}, "turned shots"),
    ("network_disagreement", {"network_disagreement": LIMITS.network_disagreement + 0.1}, "another network"),
    ("stain_change", {"haematoxylin_change": LIMITS.stain_change + 0.001}, "colours"),
    ("stain_change", {"eosin_change": LIMITS.stain_change + 0.001}, "colours"),
    ("noise_in_common", {"noise_in_common": LIMITS.noise_in_common + 0.01}, "both shots are the same"),
    ("spacing", {"spacing_ratio": 1.1 * LIMITS.spacing}, "distance of the planes"),
    ("spacing", {"spacing_ratio": 0.9 / LIMITS.spacing}, "distance of the planes"),
    ("spacing", {"spacing_ratio": -1.1 * LIMITS.spacing}, "distance of the planes"),
]
BY_BOUNDS = [
    ("gain_bound", {"gain_bound": LIMITS.gain_bound - 0.1}, "worse than the sharper shot"),
    ("psnr_bound", {"psnr_bound": LIMITS.psnr_bound - 0.1}, "error may be too large"),
]


def test_a_tile_that_nothing_is_against_is_believed() -> None:
    assert doubt(good_evidence(), BOUNDS, LIMITS) == ""
    assert doubt(good_evidence(), UNKNOWN, LIMITS) == ""


def test_every_limit_is_tried_here() -> None:
    tried = {name for name, *_ in [*BY_EVIDENCE, *BY_BOUNDS]} | {"in_focus_um", "in_focus_change"}
    assert tried == {each.name for each in fields(Limits)}


@pytest.mark.parametrize(("name", "changed", "reason"), BY_EVIDENCE)
def test_evidence_that_breaks_a_limit_is_named(name: str, changed: dict[str, Any], reason: str) -> None:
    evidence = good_evidence(**changed)
    assert reason in doubt(evidence, BOUNDS, LIMITS)
    wider = LIMITS.changed({name: 10 * getattr(LIMITS, name)})
    assert doubt(evidence, BOUNDS, wider) == ""


@pytest.mark.parametrize(("name", "changed", "reason"), BY_BOUNDS)
def test_bounds_that_break_a_limit_are_named(name: str, changed: dict[str, float], reason: str) -> None:
    bounds = replace(BOUNDS, **changed)
    assert reason in doubt(good_evidence(), bounds, LIMITS)
    assert doubt(good_evidence(), bounds, LIMITS.changed({name: -99.0})) == ""


def test_reasons_are_one_line_and_have_the_number() -> None:
    for _, changed, _ in BY_EVIDENCE:
        reason = doubt(good_evidence(**changed), BOUNDS, LIMITS)
        assert "\n" not in reason and any(letter.isdigit() for letter in reason)
    assert "χ² 61" in doubt(good_evidence(chi2_first=61.0), BOUNDS, LIMITS.changed({"chi2": 60}))
    assert "-2.50 dB" in doubt(good_evidence(), replace(BOUNDS, gain_bound=-2.5), LIMITS)


def _numbers(evidence: Evidence) -> list[str]:
    return [each.name for each in fields(evidence) if each.name != "features"]


@pytest.mark.parametrize("name", _numbers(good_evidence()))
def test_what_was_not_measured_breaks_no_limit(name: str) -> None:
    assert doubt(good_evidence(**{name: NAN}), BOUNDS, LIMITS) == ""


def test_nothing_measured_breaks_no_limit_and_is_not_in_focus() -> None:
    nothing = good_evidence(**dict.fromkeys(_numbers(good_evidence()), NAN))
    assert doubt(nothing, UNKNOWN, LIMITS) == ""
    assert not is_in_focus(nothing, LIMITS)


def test_a_sharper_shot_near_focus_that_hardly_changes_is_in_focus() -> None:
    near, little = LIMITS.in_focus_um / 2, LIMITS.in_focus_change / 2
    assert is_in_focus(good_evidence(sharper_z_um=near, change=little), LIMITS)
    assert not is_in_focus(good_evidence(sharper_z_um=2.1 * LIMITS.in_focus_um, change=little), LIMITS)
    assert not is_in_focus(good_evidence(sharper_z_um=near, change=2.1 * LIMITS.in_focus_change), LIMITS)
    assert not is_in_focus(good_evidence(sharper_z_um=NAN, change=little), LIMITS)
    assert not is_in_focus(good_evidence(sharper_z_um=near, change=NAN), LIMITS)


def test_only_one_policy_gives_the_sharper_shot_back() -> None:
    def judged(why: str, in_focus: bool, bounds: Bounds = BOUNDS) -> Judgement:
        return Judgement(good_evidence(), bounds, why, in_focus)

    assert judged("why", False).keeps_sharper("keep-sharper") == "why"
    assert judged("", True).keeps_sharper("keep-sharper") == IN_FOCUS
    assert judged("", False).keeps_sharper("keep-sharper") == ""
    assert judged("why", True).keeps_sharper("flag") == ""
