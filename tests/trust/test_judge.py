"""From a tile to what is believed of it, by the real networks on simulated shots."""

import math
from pathlib import Path

import numpy as np
import pytest

from tests.quality.simulated import ELECTRONS, OFFSET_UM, planted, sharpened, taken
from tests.trust.evidence import ANYTHING
from wsi_refocus.errors import CheckpointError
from wsi_refocus.geometry import Region
from wsi_refocus.methods import Method, MethodSpec, ShotGeometry, make_method
from wsi_refocus.network.zoo import bundled_checkpoints
from wsi_refocus.optics.scanner import TwoShots
from wsi_refocus.trust.bound import SUFFIX, ErrorBound
from wsi_refocus.trust.choices import Uncertainty
from wsi_refocus.trust.disagreement import WINDOW, Surroundings
from wsi_refocus.trust.judge import Judge, TrustSpec, bound_of
from wsi_refocus.trust.limits import Limits
from wsi_refocus.trust.verdict import TOO_SMALL

SHOTS = ShotGeometry(OFFSET_UM, 0.25)
TILE = Region(64, 64, 192, 192)
DRIFT_UM = 0.3
UNCERTAINTIES: tuple[Uncertainty, Uncertainty] = ("subset", "full")


@pytest.fixture(scope="module")
def lite() -> tuple[MethodSpec, Method]:
    spec = MethodSpec("tsva-lite", shots=SHOTS)
    return spec, make_method(spec)


def _place(shots: TwoShots) -> Surroundings:
    return Surroundings(shots.first, shots.second, TILE, second_is_sharper=True)


def _judge(method: str, spec: TrustSpec) -> Judge:
    made = MethodSpec(method, shots=SHOTS)
    return Judge(spec, made, make_method(made))


def test_the_truth_is_believed_and_a_tampered_image_is_not() -> None:
    shots = taken(DRIFT_UM)
    truth, place = shots.truth[TILE.slices], _place(shots)
    judged = _judge("mean", TrustSpec()).judge(place, truth)
    assert judged.doubt == ""
    assert judged.evidence.z_first_um == pytest.approx(-OFFSET_UM - DRIFT_UM, abs=0.25)
    assert judged.evidence.z_second_um == pytest.approx(OFFSET_UM - DRIFT_UM, abs=0.25)
    assert judged.evidence.spacing_factor == pytest.approx(1, abs=0.2)
    assert judged.evidence.drift_um == pytest.approx(DRIFT_UM, abs=0.5)
    bluer = (truth * np.array([0.8, 1, 1])).astype(np.uint8)
    for tampered, limit, least, reason in (
        (planted(truth), "chi2", 2.0, "blurred again"),
        (bluer, "stain_change", 0.01, "colours changed"),
    ):
        judge = _judge("mean", TrustSpec(limits=Limits().changed(ANYTHING | {limit: least})))
        assert judge.judge(place, truth).doubt == ""
        assert reason in judge.judge(place, tampered).doubt


def test_what_only_networks_have_is_not_measured_without_one() -> None:
    shots = taken(DRIFT_UM)
    evidence = _judge("mean", TrustSpec()).judge(_place(shots), shots.truth[TILE.slices]).evidence
    assert math.isnan(evidence.disagreement) and math.isnan(evidence.network_disagreement)
    assert evidence.change > 0


def test_the_same_shot_twice_is_not_believed() -> None:
    shot = taken(DRIFT_UM).second
    place = Surroundings(shot, shot.copy(), TILE, second_is_sharper=False)
    output = shot[TILE.slices]
    assert _judge("mean", TrustSpec()).judge(place, output).keeps_sharper("keep-sharper")
    assert (
        "both shots are the same" in _judge("mean", TrustSpec(limits=Limits(in_focus_um=-1))).judge(place, output).doubt
    )


def test_a_shot_that_is_in_focus_is_given_back_as_it_is() -> None:
    """Focus lies in the plane of the second shot: the truth is that shot, but for its noise."""
    shots = taken(OFFSET_UM, electrons=ELECTRONS)
    place = _place(shots)
    judged = _judge("mean", TrustSpec(limits=Limits(in_focus_um=0.4))).judge(place, place.sharper)
    assert judged.in_focus and not judged.doubt
    strict = Limits(in_focus_um=0.4, chi2=1e-9)
    judged = _judge("mean", TrustSpec(limits=strict)).judge(place, place.sharper)
    assert judged.in_focus and not judged.doubt  # what was not changed need not be defended
    assert judged.evidence.sharper_z_um < 0.4
    away = taken(DRIFT_UM)
    assert not _judge("mean", TrustSpec()).judge(_place(away), away.truth[TILE.slices]).in_focus


def test_a_network_is_asked_again_and_another_one_too(lite: tuple[MethodSpec, Method]) -> None:
    spec, method = lite
    shots = taken(DRIFT_UM)
    tile = Region(96, 96, 128, 64)
    place = Surroundings(shots.first, shots.second, tile, second_is_sharper=True)
    first, second = place.around(tile.grown(64))
    made = method.restore(first[np.newaxis], second[np.newaxis])[0, 64:-64, 64:-64]
    output = np.rint(made).astype(np.uint8)
    in_part, fully = (Judge(TrustSpec(uncertainty=how), spec, method) for how in UNCERTAINTIES)
    right = in_part.judge(place, output).evidence
    assert 0 < right.disagreement < 5
    assert 0 < right.network_disagreement < 15
    wrong = in_part.judge(place, sharpened(output)).evidence
    assert wrong.disagreement > 4 * right.disagreement
    assert wrong.network_disagreement > right.network_disagreement
    assert wrong.features.keys() == right.features.keys()
    assert all(isinstance(value, float) for value in right.features.values())
    all_over = fully.judge(place, output).evidence
    assert 0 < all_over.disagreement < 5
    assert all_over.disagreement != right.disagreement
    assert all_over.network_disagreement == right.network_disagreement
    assert all_over.features == right.features  # a bound holds for either
    for path in bundled_checkpoints().values():
        if (bound := path.with_suffix(SUFFIX)).is_file():
            assert set(ErrorBound.read(bound).names) <= set(right.features)


def test_bounds_come_from_the_calibrated_file_beside_the_weights(weights: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.safetensors"
    own.write_bytes(weights.read_bytes())
    spec = MethodSpec("tsva-lite", str(own), shots=SHOTS)
    method = make_method(spec)
    shots = taken(DRIFT_UM)
    place, truth = _place(shots), shots.truth[TILE.slices]
    limits = Limits().changed(ANYTHING | {"gain_bound": 0.0})
    unknown = Judge(TrustSpec(limits=limits), spec, method).judge(place, truth)
    assert math.isnan(unknown.bounds.gain_bound) and unknown.doubt == ""
    names = tuple(unknown.evidence.features)[:3]
    mean = np.zeros((4 + 2, 2))
    mean[0] = 30.0, -3.0
    ErrorBound(
        names, np.zeros(3), np.ones(3), np.zeros((4, 2)), mean, np.zeros((6, 2)), (2.0, 1.0), {"coverage": 0.9}
    ).write(own.with_suffix(SUFFIX))
    sha256 = ErrorBound.read(own.with_suffix(SUFFIX)).sha256
    judged = Judge(TrustSpec(limits=limits, bound=sha256), spec, method).judge(place, truth)
    assert (judged.bounds.psnr, judged.bounds.psnr_bound) == (30.0, 28.0)
    assert (judged.bounds.gain, judged.bounds.gain_bound) == (-3.0, -4.0)
    assert "-4.00 dB" in judged.doubt


@pytest.mark.parametrize("there", [True, False])
def test_a_bound_that_was_exchanged_amid_a_run_is_refused(weights: Path, tmp_path: Path, there: bool) -> None:
    own = tmp_path / "own.safetensors"
    own.write_bytes(weights.read_bytes())
    if there:
        ErrorBound(
            ("mpp",), np.zeros(1), np.ones(1), np.zeros((2, 1)), np.zeros((3, 2)), np.zeros((3, 2)), (1.0, 1.0), {}
        ).write(own.with_suffix(SUFFIX))
    with pytest.raises(CheckpointError, match=r"own\.bound") as refused:
        bound_of(MethodSpec("tsva-lite", str(own)), "0" * 64)
    assert "\n" not in str(refused.value)


def test_a_tile_that_is_too_small_to_be_judged_is_given_back() -> None:
    shots = taken(DRIFT_UM)
    small = Surroundings(shots.first, shots.second, Region(0, 0, WINDOW - 1, 200), second_is_sharper=True)
    judged = _judge("mean", TrustSpec()).judge(small, small.sharper)
    assert judged.keeps_sharper("keep-sharper") == TOO_SMALL and judged.keeps_sharper("flag") == ""
    assert math.isnan(judged.evidence.chi2_first) and math.isnan(judged.bounds.psnr_bound)
