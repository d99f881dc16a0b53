"""The verdict: every limit that is broken gives its reason, and what was not measured breaks none."""

import math
from dataclasses import fields

import pytest

from tests.trust.evidence import GOOD, as_evidence
from wsi_refocus.quality.record import COLUMNS
from wsi_refocus.trust.bound import UNKNOWN
from wsi_refocus.trust.judge import Judgement
from wsi_refocus.trust.limits import RULES, Limits, Rule
from wsi_refocus.trust.verdict import IN_FOCUS, doubt, is_in_focus

LIMITS = Limits()
NAN = math.nan
REASONS = {
    "shots_in_common": "do not show the same",
    "noise_in_common": "both shots are the same",
    "gain_bound": "worse than the sharper shot",
    "psnr_bound": "error may be too large",
    "chi2": "blurred again",
    "spacing_factor": "distance of the planes",
    "drift_um": "focus lies too far",
    "unvouched": "neither shot vouches",
    "disagreement": "turned shots",
    "network_disagreement": "another network",
    "network_agreement": "the other way",
    "change": "far from the sharper shot",
    "stain_change": "colours",
}
CASES = [(rule, column) for rule in RULES for column in rule.columns]


def _allowed(rule: Rule) -> float:
    return LIMITS.to_json()[rule.limit]


def _beyond(rule: Rule, by: float = 0.01) -> float:
    """A little more, or less, than is allowed."""
    allowed = _allowed(rule)
    return allowed - by * max(1, abs(allowed)) if rule.is_least else allowed + by * max(1, abs(allowed))


def _names(case: object) -> str:
    return case.limit if isinstance(case, Rule) else str(case)


def test_a_tile_that_nothing_is_against_is_believed() -> None:
    assert doubt(GOOD, LIMITS) == ""


def test_every_limit_has_a_rule_and_a_reason_that_is_known_here() -> None:
    of_focus = {"in_focus_um", "in_focus_change"}
    assert {rule.limit for rule in RULES} | of_focus == {each.name for each in fields(Limits)}
    assert {rule.limit for rule in RULES} == set(REASONS)
    assert {column for _, column in CASES} <= set(GOOD)


def test_what_rules_go_by_can_be_looked_up_in_the_quality_table() -> None:
    assert {column for _, column in CASES} - set(COLUMNS) <= {"spacing_factor"}  # that is in spacing_um


@pytest.mark.parametrize(("rule", "column"), CASES, ids=_names)
def test_what_breaks_a_limit_is_named(rule: Rule, column: str) -> None:
    reason = doubt({**GOOD, column: _beyond(rule)}, LIMITS)
    assert REASONS[rule.limit] in reason
    assert "\n" not in reason and any(letter.isdigit() for letter in reason)


@pytest.mark.parametrize(("rule", "column"), CASES, ids=_names)
def test_what_just_keeps_a_limit_breaks_none(rule: Rule, column: str) -> None:
    assert doubt({**GOOD, column: _allowed(rule)}, LIMITS) == ""


@pytest.mark.parametrize(("rule", "column"), CASES, ids=_names)
def test_another_limit_lets_it_pass(rule: Rule, column: str) -> None:
    wider = LIMITS.changed({rule.limit: _beyond(rule, 0.02)})
    assert doubt({**GOOD, column: _beyond(rule)}, wider) == ""


@pytest.mark.parametrize(("rule", "column"), CASES, ids=_names)
def test_what_was_not_measured_breaks_no_limit_and_hides_none(rule: Rule, column: str) -> None:
    assert doubt({**GOOD, column: NAN}, LIMITS) == ""
    for other in set(rule.columns) - {column}:
        assert REASONS[rule.limit] in doubt({**GOOD, column: NAN, other: _beyond(rule)}, LIMITS)


def test_too_large_is_too_large_up_and_down() -> None:
    for drift_um in (LIMITS.drift_um + 0.1, -LIMITS.drift_um - 0.1):
        assert f"{LIMITS.drift_um + 0.1:.1f} µm" in doubt({**GOOD, "drift_um": drift_um}, LIMITS)


def test_the_number_that_breaks_the_limit_is_told() -> None:
    limits = LIMITS.changed({"chi2": 60.0, "gain_bound": 0.0})
    assert "χ² 61" in doubt({**GOOD, "chi2_first": 3.0, "chi2_second": 61.0}, limits)
    assert "-2.50 dB" in doubt({**GOOD, "gain_bound": -2.5}, limits)


def test_nothing_measured_breaks_no_limit_and_is_not_in_focus() -> None:
    nothing = dict.fromkeys(GOOD, NAN)
    assert doubt(nothing, LIMITS) == ""
    assert not is_in_focus(nothing, LIMITS)


def test_a_sharper_shot_near_focus_that_hardly_changes_is_in_focus() -> None:
    near, little = LIMITS.in_focus_um / 2, LIMITS.in_focus_change / 2
    assert is_in_focus({**GOOD, "sharper_z_um": near, "change": little}, LIMITS)
    assert not is_in_focus({**GOOD, "sharper_z_um": 2.1 * LIMITS.in_focus_um, "change": little}, LIMITS)
    assert not is_in_focus({**GOOD, "sharper_z_um": near, "change": 2.1 * LIMITS.in_focus_change}, LIMITS)
    assert not is_in_focus({**GOOD, "sharper_z_um": NAN, "change": little}, LIMITS)
    assert not is_in_focus({**GOOD, "sharper_z_um": near, "change": NAN}, LIMITS)


def test_only_one_policy_gives_the_sharper_shot_back() -> None:
    def judged(why: str, in_focus: bool) -> Judgement:
        return Judgement(as_evidence(GOOD), UNKNOWN, why, in_focus)

    assert judged("why", False).keeps_sharper("keep-sharper") == "why"
    assert judged("", True).keeps_sharper("keep-sharper") == IN_FOCUS
    assert judged("", False).keeps_sharper("keep-sharper") == ""
    assert judged("why", True).keeps_sharper("flag") == ""
