"""The limits of the evidence, and setting them."""

import math

import pytest

from wsi_refocus.config import make_settings
from wsi_refocus.errors import UsageError
from wsi_refocus.trust.judge import TrustSpec
from wsi_refocus.trust.limits import Limits


def test_limits_can_be_set_one_by_one() -> None:
    changed = Limits().changed({"chi2": 7.0, "gain_bound": -0.5})
    assert (changed.chi2, changed.gain_bound) == (7.0, -0.5)
    assert changed.drift_um == Limits().drift_um
    assert Limits().changed({}) == Limits()
    assert changed.to_json()["chi2"] == 7.0


def test_an_unknown_limit_is_refused_in_one_line_that_names_those_there_are() -> None:
    with pytest.raises(UsageError, match="no limit 'chi3'") as refused:
        Limits().changed({"chi2": 1.0, "chi3": 1.0})
    assert "\n" not in str(refused.value)
    for name in Limits().to_json():
        assert name in str(refused.value)
    with pytest.raises(UsageError, match="no limit 'chi3'"):
        make_settings(limits={"chi3": 1.0})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_limit_is_a_number(value: float) -> None:
    with pytest.raises(UsageError, match="chi2") as refused:
        Limits().changed({"chi2": value})
    assert "\n" not in str(refused.value)


def test_limits_are_part_of_what_decides_the_result() -> None:
    one, two = make_settings(limits={"chi2": 7.0}), make_settings()
    assert one.of_the_result() != two.of_the_result()
    assert one.of_the_result()["limits"] == {"chi2": 7.0}
    assert make_settings(policy="flag").of_the_result() != two.of_the_result()


def test_what_is_judged_by_survives_a_file() -> None:
    import json

    spec = TrustSpec("flag", "full", Limits(chi2=7.0, psnr_bound=-1e9), "0" * 64)
    assert TrustSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec
