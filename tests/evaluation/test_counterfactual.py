"""Sections with and without one small nucleus."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from wsi_refocus.errors import UsageError
from wsi_refocus.evaluation.counterfactual import (
    KINDS,
    SHOWN,
    Counterfactual,
    appears,
    counterfactual_pair,
    transmitted,
)
from wsi_refocus.evaluation.nuclei import draw_nucleus, find_nucleus, nuclear_mask
from wsi_refocus.evaluation.simulated import BORDER, FIELD
from wsi_refocus.geometry import Region
from wsi_refocus.optics.specimen import specimen_of
from wsi_refocus.training.manifest import Entry

MPP = 0.25
PINK, PURPLE = np.array([0.1, 0.45, 0.25], np.float32), np.array([0.9, 1.0, 0.45], np.float32)
NUCLEI = ((60, 80), (250, 90), (170, 170), (90, 260), (280, 280))


def section(radius_px: float = 12.0) -> np.ndarray:
    """Pink tissue with some round nuclei."""
    rng = np.random.default_rng(0)
    grain = ndimage.gaussian_filter(rng.standard_normal((340, 340)), 2)
    density = (1 + 0.5 * grain[..., np.newaxis]) * PINK
    y, x = np.mgrid[:340, :340]
    for top, left in NUCLEI:
        body = np.clip(radius_px - np.hypot(y - top, x - left) + 0.5, 0, 1)[..., np.newaxis]
        density = density * (1 - body) + body * PURPLE * (1 + 0.2 * grain[..., np.newaxis])
    return (245 * np.exp(-density)).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Entry]:
    path = tmp_path_factory.mktemp("nuclei") / "section.png"
    Image.fromarray(section()).save(path)
    return [Entry(path, "one", MPP, "train")]


@pytest.fixture(scope="module", params=KINDS)
def pair(request: pytest.FixtureRequest, images: list[Entry]) -> Counterfactual:
    return counterfactual_pair(images, 2, kind=request.param)


def test_the_cases_differ_by_a_dark_nucleus_only(pair: Counterfactual) -> None:
    truths = [each.truth.astype(int) for each in (pair.with_, pair.without)]
    difference = np.abs(truths[0] - truths[1]).max(axis=2)
    outside = difference.copy()
    outside[pair.place.slices] = 0
    assert outside.max() <= 4
    y, x = map(round, pair.centre)
    assert difference[y, x] > 30
    assert truths[0][y, x].sum() < truths[1][y, x].sum()
    assert Region(0, 0, FIELD, FIELD).grown(-BORDER).contains(Region(y, x, 1, 1))
    assert 3.9 <= 2 * pair.radius_px * MPP <= 9


def test_the_cases_share_acquisition_and_noise(pair: Counterfactual) -> None:
    assert pair.with_.drift_um == pair.without.drift_um
    assert pair.with_.shots == pair.without.shots
    far = np.ones((FIELD, FIELD), bool)
    far[pair.place.grown(32).intersection(Region(0, 0, FIELD, FIELD)).slices] = False
    for one, other in ((pair.with_.first, pair.without.first), (pair.with_.second, pair.without.second)):
        apart = np.abs(one.astype(int) - other).max(axis=2)
        assert np.mean(apart[far]) < 0.5
        assert apart[pair.place.slices].max() > 10


def test_a_pair_is_the_same_again(images: list[Entry]) -> None:
    one, two = (counterfactual_pair(images, 1, seed=4, kind="erased") for _ in range(2))
    assert np.array_equal(one.with_.first, two.with_.first)
    assert np.array_equal(one.without.truth, two.without.truth)
    assert one.place == two.place
    assert counterfactual_pair(images, 1, seed=5, kind="erased").with_.drift_um != one.with_.drift_um


def test_what_appears_is_the_nearer_truth(pair: Counterfactual) -> None:
    present, absent = pair.with_.truth, pair.without.truth
    assert pair.appears(present) == pytest.approx(1)
    assert pair.appears(absent) == pytest.approx(0)
    assert transmitted(present, absent, pair) == pytest.approx(1)
    assert transmitted(absent, absent, pair) == 0
    for share in (0.4, 0.6):
        mixed = (share * present.astype(float) + (1 - share) * absent).round().astype(np.uint8)
        nearer = [((mixed - truth.astype(float))[pair.place.slices] ** 2).sum() for truth in (present, absent)]
        assert (pair.appears(mixed) > SHOWN) == (nearer[0] < nearer[1]) == (share > 0.5)
        assert pair.appears(mixed) == pytest.approx(share, abs=0.05)


def test_a_strong_blur_loses_a_nucleus(pair: Counterfactual) -> None:
    blurred = [
        ndimage.gaussian_filter(each.truth.astype(float), (16, 16, 0)).astype(np.uint8)
        for each in (pair.with_, pair.without)
    ]
    assert transmitted(blurred[0], blurred[1], pair) < SHOWN


def test_equal_truths_show_nothing() -> None:
    empty = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(ValueError, match="do not differ"):
        appears(empty, empty, empty, Region(0, 0, 8, 8))


def test_images_without_nuclei_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "glass.png"
    Image.fromarray(np.full((330, 330, 3), 240, np.uint8)).save(path)
    for kind in KINDS:
        with pytest.raises(UsageError, match="take images with nuclei"):
            counterfactual_pair([Entry(path, "glass", MPP, "train")], 0, kind=kind)


def test_nuclei_are_found_and_erased() -> None:
    density = specimen_of(section(), 0.0, 0.0).density
    mask = nuclear_mask(density, MPP)
    assert ndimage.label(mask)[1] == len(NUCLEI)
    nucleus = find_nucleus(density, MPP, 16, np.random.default_rng(0))
    assert nucleus is not None
    assert (round(nucleus.y), round(nucleus.x)) in NUCLEI
    assert nucleus.radius_px == pytest.approx(12, abs=1.5)
    left = nuclear_mask(density - nucleus.change, MPP)
    assert ndimage.label(left)[1] == len(NUCLEI) - 1
    assert not left[round(nucleus.y), round(nucleus.x)]


def test_a_drawn_nucleus_has_a_place_and_a_colour() -> None:
    density = specimen_of(section(), 0.0, 0.0).density
    nucleus = draw_nucleus(density, MPP, 32, np.random.default_rng(3))
    assert nucleus is not None
    assert min(np.hypot(nucleus.y - y, nucleus.x - x) for y, x in NUCLEI) > 12 + nucleus.radius_px
    there = (density + nucleus.change)[:, round(nucleus.y), round(nucleus.x)]
    assert np.allclose(there, PURPLE, atol=0.45)
    assert ndimage.label(nuclear_mask(density + nucleus.change, MPP))[1] == len(NUCLEI) + 1


def test_large_nuclei_are_not_small() -> None:
    density = specimen_of(section(26.0), 0.0, 0.0).density
    assert find_nucleus(density, MPP, 16, np.random.default_rng(0)) is None
