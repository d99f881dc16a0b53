"""Composition of a region: parity of tilings, order of the planes, and no seams."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage

from tests.network.networks import random_lite_with_bank
from tests.support.two_shot import tissue
from wsi_refocus.geometry import Region, Size
from wsi_refocus.methods import Method, MethodSpec, make_method
from wsi_refocus.network.inference import NetworkMethod
from wsi_refocus.network.tsva import Tsva, TsvaConfig
from wsi_refocus.pipeline.compose import Decisions, compose, planned_jobs
from wsi_refocus.tiling.grid import CellGrid, TileGrid

SIZE = Size(700, 1100)


def _untrained(network: torch.nn.Module) -> torch.nn.Module:
    """Network whose last convolution does something, as after training."""
    torch.manual_seed(1)
    for parameter in network.parameters():
        if parameter.ndim > 1:
            torch.nn.init.kaiming_normal_(parameter, a=1.0)
            parameter.data *= 0.7
    return network


@pytest.fixture(scope="module", params=["tsva-lite", "tsva"])
def method(request: pytest.FixtureRequest) -> Method:
    network = (
        random_lite_with_bank() if request.param == "tsva-lite" else _untrained(Tsva(TsvaConfig(width=4, depth=3)))
    )
    return NetworkMethod(request.param, network)


@pytest.fixture(scope="module")
def shots() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    truth = tissue((SIZE.height, SIZE.width), seed=5)
    first, second = (ndimage.gaussian_filter(truth, (sigma, sigma, 0)) for sigma in (1.0, 1.7))
    return first, second


@pytest.fixture(scope="module")
def decisions() -> Decisions:
    """Every kind of border: the choice changes, and prediction ends."""
    shape = CellGrid(SIZE).shape
    second = np.zeros(shape, np.bool_)
    second[:, 1] = True
    predicted = np.ones(shape, np.bool_)
    predicted[1, 2] = False
    return Decisions(second, predicted)


def _made(
    shots: tuple[NDArray[np.uint8], NDArray[np.uint8]], decisions: Decisions, method: Method, tile: int, region: Region
) -> NDArray[np.uint8]:
    margin = method.halo + method.stride - 1
    padded = [np.pad(shot, ((margin, margin), (margin, margin), (0, 0)), mode="edge") for shot in shots]
    outer = region.grown(margin)
    rows, columns = outer.shifted(margin, margin).slices
    first, second = (each[rows, columns] for each in padded)
    return compose(region, outer, first, second, decisions, method, TileGrid(tile, method.halo, method.stride))


def _difference(one: NDArray[np.uint8], two: NDArray[np.uint8]) -> int:
    return int(np.abs(one.astype(int) - two).max())


@pytest.mark.parametrize("tile", [64, 192, 512])
def test_tiled_equals_untiled(
    method: Method, shots: tuple[NDArray[np.uint8], NDArray[np.uint8]], decisions: Decisions, tile: int
) -> None:
    whole = Region.whole(SIZE)
    untiled = _made(shots, decisions, method, 2048, whole)
    assert _difference(_made(shots, decisions, method, tile, whole), untiled) <= 1
    assert _difference(untiled, shots[0]) > 20


def test_pieces_join(method: Method, shots: tuple[NDArray[np.uint8], NDArray[np.uint8]], decisions: Decisions) -> None:
    whole = _made(shots, decisions, method, 256, Region.whole(SIZE))
    joined = np.empty_like(whole)
    for piece in (Region(0, 0, 512, 512), Region(0, 512, 512, 588), Region(512, 0, 188, 1100)):
        joined[piece.slices] = _made(shots, decisions, method, 256, piece)
    assert _difference(joined, whole) <= 1


def test_naming_the_planes_in_the_other_order_changes_nothing(
    method: Method, shots: tuple[NDArray[np.uint8], NDArray[np.uint8]], decisions: Decisions
) -> None:
    if method.by_height:  # the lower one first is what it asks for: the pair is brought into that order
        return
    whole = Region.whole(SIZE)
    swapped = Decisions(~decisions.second_is_sharper, decisions.predicted)
    one = _made(shots, decisions, method, 256, whole)
    # the blend strip lies on one side of a border, so only there the two may differ
    two = _made((shots[1], shots[0]), swapped, method, 256, whole)
    away = np.ones(SIZE.width, np.bool_)
    for border in (512, 1024):
        away[border - 64 : border + 64] = False
    assert _difference(one[:, away], two[:, away]) == 0


def test_a_method_by_height_predicts_every_tile_once(decisions: Decisions) -> None:
    grid, whole = TileGrid(256, 32, 2), Region.whole(SIZE)
    jobs = planned_jobs(whole, decisions, grid, by_height=True)
    assert not any(job.swapped for job in jobs)
    assert len(jobs) == len({job.tile for job in planned_jobs(whole, decisions, grid)})


def test_cells_that_are_not_predicted_keep_the_sharper_shot(
    method: Method, shots: tuple[NDArray[np.uint8], NDArray[np.uint8]], decisions: Decisions
) -> None:
    made = _made(shots, decisions, method, 256, Region.whole(SIZE))
    assert np.array_equal(made[512:, 1024:], shots[0][512:, 1024:])


def test_no_seams_at_tile_and_choice_borders(
    method: Method, shots: tuple[NDArray[np.uint8], NDArray[np.uint8]], decisions: Decisions
) -> None:
    """Steps between neighbouring columns are no larger on borders of tiles and cells than elsewhere."""
    made = _made(shots, decisions, method, 128, Region.whole(SIZE)).astype(float)
    # against the shots themselves, so that the tissue's own edges do not count
    change = made - np.where(decisions.second_is_sharper.repeat(512, 1).repeat(512, 0)[:700, :1100, None], *shots[::-1])
    steps = np.abs(np.diff(made, axis=1)).mean(axis=(0, 2))
    borders = np.arange(128, SIZE.width, 128) - 1
    elsewhere = np.delete(steps, borders)
    assert change.std() > 1
    assert steps[borders].max() <= elsewhere.mean() + 4 * elsewhere.std()


def test_sharpest_and_mean_are_what_they_say(
    shots: tuple[NDArray[np.uint8], NDArray[np.uint8]], decisions: Decisions
) -> None:
    region = Region(0, 0, 512, 400)
    sharpest = _made(shots, decisions, make_method(MethodSpec("sharpest")), 128, region)
    assert np.array_equal(sharpest, shots[0][:512, :400])
    mean = _made(shots, decisions, make_method(MethodSpec("mean")), 128, region)
    assert _difference(mean, ((shots[0].astype(int) + shots[1] + 1) // 2)[:512, :400].astype(np.uint8)) <= 1
