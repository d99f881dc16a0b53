"""Cases that no method should refocus."""

import numpy as np
import pytest
from scipy import ndimage

from wsi_refocus.evaluation.bait import FARTHEST_UM, KINDS, NEAREST_UM, bait, bait_cases
from wsi_refocus.evaluation.case import BASELINES, images_of
from wsi_refocus.evaluation.simulated import FIELD
from wsi_refocus.quality.fidelity import psnr
from wsi_refocus.quality.focus import brenner_gradient
from wsi_refocus.training.manifest import Entry


def test_there_are_as_many_of_each_kind_and_all_are_cases(entries: list[Entry]) -> None:
    found = bait_cases(entries, 2, seed=1)
    assert [each.kind for each in found] == [kind for kind in KINDS for _ in range(2)]
    for each in found:
        case = each.case
        assert {image.shape for image in (case.first, case.second, case.truth)} == {(FIELD, FIELD, 3)}
        assert {image.dtype for image in (case.first, case.second, case.truth)} == {np.dtype(np.uint8)}
        assert set(images_of(case, [])) == set(BASELINES)
        assert each.detail


@pytest.mark.parametrize("kind", KINDS)
def test_a_case_is_the_same_again(kind: str, entries: list[Entry]) -> None:
    one, two, other = (bait(entries, kind, 1, seed).case for seed in (3, 3, 4))
    assert np.array_equal(one.first, two.first)
    assert np.array_equal(one.second, two.second)
    assert np.array_equal(one.truth, two.truth)
    assert not np.array_equal(one.first, other.first)


def test_far_out_of_focus_nothing_fine_is_left(entries: list[Entry]) -> None:
    for number in range(3):
        case = bait(entries, "far out of focus", number).case
        assert NEAREST_UM <= abs(case.drift_um) <= FARTHEST_UM
        fine = [brenner_gradient(ndimage.gaussian_filter(shot, (1, 1, 0))) for shot in (case.first, case.truth)]
        assert fine[0] < 0.2 * fine[1]


def test_glass_is_blank(entries: list[Entry]) -> None:
    case = bait(entries, "blank glass", 0).case
    assert np.ptp(case.truth.astype(float), axis=(0, 1)).max() < 15
    assert 0.3 < np.std(case.first.astype(float) - case.truth) < 5
    assert not np.array_equal(case.first, case.second)


def test_text_is_printed_or_written(entries: list[Entry]) -> None:
    details = [bait(entries, "text", number).detail for number in range(4)]
    assert [detail.split(",")[0] for detail in details] == [
        "print on glass", "print on tissue", "pen on glass", "pen on tissue"
    ]  # fmt: skip
    for number in (0, 2):
        case = bait(entries, "text", number).case
        assert np.std(case.truth) > 20
        assert brenner_gradient(case.truth) >= 0.9 * brenner_gradient(case.first)


def test_one_shot_of_a_broken_file_is_broken(entries: list[Entry]) -> None:
    made = [bait(entries, "broken JPEG", number) for number in range(3)]
    assert [each.detail.split()[-1] for each in made] == ["damaged", "cut", "coarse"]
    shots = [each.case.first if each.detail.startswith("first") else each.case.second for each in made]
    assert np.ptp(shots[1][-16:], axis=(0, 1)).max() == 0  # what is missing is grey
    steps = np.abs(np.diff(shots[2].astype(float), axis=1)).mean(axis=(0, 2))
    assert steps[7::8].mean() > 2 * np.delete(steps, np.arange(7, len(steps), 8)).mean()  # blocks of 8 pixels


def test_shots_of_two_places_have_nothing_in_common(entries: list[Entry]) -> None:
    for number in range(2):
        case = bait(entries, "two places", number).case
        assert psnr(case.first, case.second) < 20
        assert any(np.array_equal(case.truth, shot) for shot in (case.first, case.second))


def test_one_plane_twice_is_the_same_height(entries: list[Entry]) -> None:
    same, anew = (bait(entries, "one plane twice", number).case for number in (0, 1))
    assert np.array_equal(same.first, same.second)
    assert not np.array_equal(anew.first, anew.second)
    assert psnr(anew.first, anew.second) > 30
    assert same.shots.offset_um > 0


def test_planes_are_swapped(entries: list[Entry]) -> None:
    far = next(each for each in (bait(entries, "planes swapped", n).case for n in range(20)) if each.drift_um > 1)
    # the section lies nearer to the upper plane, which is said to be the lower one
    assert psnr(far.first, far.truth) > psnr(far.second, far.truth)


def test_unknown_kinds_are_refused(entries: list[Entry]) -> None:
    with pytest.raises(ValueError, match="choose from far out of focus"):
        bait(entries, "ghost", 0)
