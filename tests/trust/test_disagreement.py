"""Asking a method again: what is equivariant agrees with itself exactly, and what is not is told."""

import math
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from numpy.typing import NDArray
from scipy import ndimage

from tests.network.networks import random_tsva
from tests.quality.simulated import taken
from wsi_refocus.geometry import Region
from wsi_refocus.methods import Method, MethodSpec, ShotGeometry, make_method
from wsi_refocus.network.inference import NetworkMethod
from wsi_refocus.optics.scanner import Acquisition, acquire
from wsi_refocus.optics.transfer import Microscope
from wsi_refocus.trust.disagreement import (
    CONTEXT,
    TRANSPOSED,
    WINDOW,
    Surroundings,
    full_disagreement,
    height_um,
    opinion_of,
    patchiness,
    rms,
    second_opinion,
)

Image = NDArray[np.uint8]
SAMPLE = Path(__file__).parents[2] / "sample_slides" / "cmu-1-truth.ome.tiff"
SAMPLE_MPP = 0.499
TILE = Region(64, 96, 192, 128)
TURNS = range(8)


@pytest.fixture(scope="module")
def place() -> Surroundings:
    shots = taken(0.3)
    return Surroundings(shots.first, shots.second, TILE, second_is_sharper=True)


@pytest.fixture(scope="module")
def network() -> Method:
    """A network that has learned nothing, and so prefers some directions by chance."""
    network = random_tsva()
    torch.nn.init.normal_(network.head.weight, std=3)
    return NetworkMethod("tsva", network)


def _made(method: Method, place: Surroundings) -> Image:
    """The tile as a worker makes it: with a halo."""
    around = place.tile.grown(method.halo)
    first, second = place.around(around)
    if place.second_is_sharper and not method.by_height:
        first, second = second, first
    restored = method.restore(first[np.newaxis], second[np.newaxis])[0]
    inner = place.tile.relative_to(around).slices
    return np.clip(restored[inner].astype(np.float32) + 0.5, 0, 255).astype(np.uint8)


class Leaning:
    """A method that moves everything down and to the right: another picture however it is turned."""

    name, halo, stride, by_height, batch, checkpoint_sha256 = "leaning", 8, 1, False, 1, None

    def restore(self, sharper: Image, other: Image) -> NDArray[np.float32]:
        return np.roll(sharper.astype(np.float32), (3, 5), axis=(1, 2))


@pytest.mark.parametrize("turn", TURNS)
def test_a_method_without_directions_agrees_with_itself_exactly(place: Surroundings, turn: int) -> None:
    mean = make_method(MethodSpec("mean"))
    opinion = second_opinion(mean, place, _made(mean, place), turn)
    assert opinion.difference == 0
    assert opinion.agreement == pytest.approx(1, abs=0.01)
    assert opinion.gain_db > 20


def test_wave_optics_know_no_directions(place: Surroundings) -> None:
    """All that is left is rounding, and what its kernels look at beyond the context."""
    joint = make_method(MethodSpec("joint", shots=ShotGeometry(0.75, 0.25)))
    made = _made(joint, place)
    assert all(second_opinion(joint, place, made, turn).difference < 1 for turn in TURNS)
    assert full_disagreement(joint, place, made) < 1


def test_a_method_that_leans_to_one_side_is_told(place: Surroundings) -> None:
    leaning = Leaning()
    made = _made(leaning, place)
    differences = [second_opinion(leaning, place, made, turn).difference for turn in TURNS]
    assert differences[0] < 1e-3
    assert min(differences[1:]) > 3
    assert full_disagreement(leaning, place, made) > 3
    square = place.most_detailed()
    assert square is not None
    there = Surroundings(place.first, place.second, square.shifted(TILE.y, TILE.x), place.second_is_sharper)
    of_all = math.sqrt(np.mean(np.square(differences[1:])))
    assert full_disagreement(leaning, there, made[square.slices]) == pytest.approx(of_all, rel=1e-3)


def test_a_network_agrees_with_itself_unturned_and_not_turned(place: Surroundings, network: Method) -> None:
    made = _made(network, place)
    assert network.halo <= CONTEXT
    assert second_opinion(network, place, made, 0).difference < 0.5
    assert second_opinion(network, place, made, TRANSPOSED).difference > 1
    assert full_disagreement(network, place, made) > 1


def test_the_order_of_the_shots_is_that_in_which_the_tile_was_made(network: Method) -> None:
    shots = taken(0.3)
    for second_is_sharper in (False, True):
        place = Surroundings(shots.first, shots.second, TILE, second_is_sharper)
        assert np.array_equal(place.sharper, (shots.first, shots.second)[second_is_sharper][TILE.slices])
        made = _made(network, place)
        assert second_opinion(network, place, made, 0).difference < 0.5
        other = Surroundings(shots.first, shots.second, TILE, not second_is_sharper)
        assert second_opinion(network, other, made, 0).difference > 1


def test_full_looks_everywhere_and_a_subset_at_the_most_detailed_square(place: Surroundings) -> None:
    mean = make_method(MethodSpec("mean"))
    made = _made(mean, place)
    square = place.most_detailed()
    assert square is not None
    elsewhere = np.ones(made.shape[:2], np.bool_)
    elsewhere[square.slices] = False
    tampered = made.copy()
    tampered[elsewhere] ^= 16
    assert second_opinion(mean, place, tampered, TRANSPOSED).difference == 0
    assert full_disagreement(mean, place, tampered) == pytest.approx(16 * math.sqrt(elsewhere.mean()), rel=1e-3)


@pytest.mark.parametrize("row", [0, 1, 2])
def test_the_most_detailed_square_is_found(row: int) -> None:
    first = np.full((320, 320, 3), 180, np.uint8)
    y, x = TILE.y + row * WINDOW, TILE.x + WINDOW
    first[y : y + WINDOW, x : x + WINDOW : 4] = 60
    place = Surroundings(first, np.full_like(first, 9), TILE, second_is_sharper=False)
    assert place.most_detailed() == Region(row * WINDOW, WINDOW, WINDOW, WINDOW)


def test_a_tile_that_is_too_small_is_not_asked_about(place: Surroundings, network: Method) -> None:
    small = Surroundings(place.first, place.second, Region(0, 0, WINDOW - 1, 200), second_is_sharper=False)
    assert small.most_detailed() is None
    opinion = second_opinion(network, small, small.sharper, TRANSPOSED)
    assert math.isnan(opinion.difference) and math.isnan(opinion.gain_db) and math.isnan(opinion.agreement)
    assert math.isnan(height_um(network, small))


@pytest.mark.parametrize("region", [Region(-30, -40, 100, 120), Region(250, 260, 140, 100), Region(-9, 40, 340, 20)])
def test_beyond_the_border_lies_the_mirror_image(place: Surroundings, region: Region) -> None:
    far = 100
    mirrored = [
        np.pad(shot, ((far, far), (far, far), (0, 0)), mode="symmetric") for shot in (place.first, place.second)
    ]
    wanted = [shot[region.shifted(far, far).slices] for shot in mirrored]
    for found, want in zip(place.around(region), wanted, strict=True):
        assert np.array_equal(found, want)


def test_at_the_corner_of_a_slide_a_method_still_agrees_with_itself() -> None:
    shots = taken(0.3)
    height, width = shots.first.shape[:2]
    for tile in (Region(0, 0, 128, 128), Region(height - 128, width - 64, 128, 64)):
        corner = Surroundings(shots.first, shots.second, tile, second_is_sharper=True)
        mean = make_method(MethodSpec("mean"))
        made = _made(mean, corner)
        assert second_opinion(mean, corner, made, TRANSPOSED).difference == 0
        assert full_disagreement(mean, corner, made) == 0


def test_what_an_opinion_says_of_a_tile() -> None:
    sharper = np.full((64, 64, 3), 100, np.uint8)
    other = np.full_like(sharper, 110)
    same = opinion_of(other, other, sharper)
    assert (same.difference, same.agreement) == (0, pytest.approx(1, abs=1e-3))
    against = opinion_of(other, np.full_like(sharper, 90), sharper)
    assert (against.difference, against.agreement) == (20, pytest.approx(-1, abs=1e-3))
    assert against.gain_db == pytest.approx(-20 * math.log10(2), abs=0.01)
    assert opinion_of(other, sharper, sharper).gain_db == 0


@pytest.mark.parametrize("drift_um", [-0.6, 0.6])
def test_the_network_says_where_the_section_lies(drift_um: float) -> None:
    """Real tissue, from the sample slide."""
    section = tifffile.imread(SAMPLE)[1500:1820, 900:1220]
    shots = acquire(section, SAMPLE_MPP, Acquisition(optics=Microscope(thickness_um=1.0), drift_um=drift_um))
    place = Surroundings(shots.first, shots.second, TILE, second_is_sharper=drift_um > 0)
    method = make_method(MethodSpec("tsva-lite", shots=ShotGeometry(0.75, SAMPLE_MPP)))
    assert height_um(method, place) == pytest.approx(-drift_um, abs=0.3)
    assert math.isnan(height_um(make_method(MethodSpec("mean")), place))


def test_differences_and_their_patchiness() -> None:
    flat, shifted = np.full((64, 64, 3), 100, np.uint8), np.full((64, 64, 3), 103, np.uint8)
    assert rms(flat, shifted) == pytest.approx(3)
    assert patchiness(flat, shifted) == 0
    spotted = flat.copy()
    spotted[:8, :8] = 112
    assert rms(flat, spotted) == pytest.approx(12 / 8)
    assert patchiness(flat, spotted) == pytest.approx(144 * math.sqrt(1 / 64 * 63 / 64), rel=1e-4)
    blurred = ndimage.gaussian_filter(spotted, (2, 2, 0))
    assert 0 < patchiness(flat, blurred) < patchiness(flat, spotted)
