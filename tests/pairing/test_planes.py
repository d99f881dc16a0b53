import numpy as np
import pytest

from tests.pairing.sections import SlideInMemory, section, shot
from wsi_refocus.errors import PlanePairError
from wsi_refocus.geometry import Region, Size
from wsi_refocus.pairing.planes import choose_pair, spread
from wsi_refocus.tiling.tissue import full

SIZE = (640, 900)


def stack(focus, z_um, count=11):
    tissue = section(*SIZE, seed=3)
    planes = [shot(tissue, 0.6 + 0.5 * abs(index - focus), seed=index) for index in range(count)]
    return SlideInMemory(planes, z_um)


def choose(slide, **options):
    return choose_pair(slide, full(slide.info.size), **options)


def test_two_planes_are_the_pair_lower_one_first():
    pair = choose(stack(0, [1.5, -0.5], 2))
    assert (pair.first, pair.second) == (1, 0)
    assert pair.z_um == (-0.5, 1.5)
    assert pair.defocus_offset_um == 1.0
    assert pair.initial_focus is None


def test_two_planes_of_unknown_height_keep_their_order():
    pair = choose(stack(0, None, 2))
    assert (pair.first, pair.second, pair.defocus_offset_um) == (0, 1, None)


def test_planes_around_the_sharpest_are_taken():
    heights = [0.25 * index - 1.25 for index in range(11)]
    pair = choose(stack(4, heights))
    assert pair.initial_focus == 4
    assert (pair.first, pair.second) == (1, 7)
    assert pair.defocus_offset_um == pytest.approx(0.75)
    assert "ΔD = 0.75 µm" in pair.reason


def test_defocus_offset_decides_how_far():
    heights = [0.25 * index for index in range(11)]
    pair = choose(stack(4, heights), defocus_offset_um=0.5)
    assert (pair.first, pair.second) == (2, 6)


def test_one_plane_on_each_side_even_where_steps_are_wide():
    pair = choose(stack(2, [0.0, 4.0, 8.0, 12.0, 16.0], 5))
    assert (pair.first, pair.second) == (1, 3)


def test_heights_need_not_rise_with_the_index():
    pair = choose(stack(2, [4.0, 3.0, 2.0, 1.0, 0.0], 5), defocus_offset_um=2.0)
    assert (pair.first, pair.second) == (4, 0)


def test_focus_at_the_end_of_the_stack_is_said():
    pair = choose(stack(0, [0.0, 1.0, 2.0], 3))
    assert (pair.first, pair.second) == (0, 1)
    assert "end of the stack" in pair.reason


@pytest.mark.parametrize("heights", [None, [0.0] * 5])
def test_unknown_heights_take_the_neighbours_of_the_focus(heights):
    pair = choose(stack(3, heights, 5))
    assert (pair.initial_focus, pair.first, pair.second) == (3, 2, 4)
    assert "unknown" in pair.reason


def test_order_in_which_planes_are_named_plays_no_part():
    slide = stack(2, [0.0, 0.5, 1.0, 1.5], 4)
    assert choose(slide, planes=(3, 1)) == choose(slide, planes=(1, 3))
    assert choose(slide, planes=(3, 1)).z_um == (0.5, 1.5)


@pytest.mark.parametrize(
    ("count", "options", "message"),
    [
        (1, {}, "one focal plane only"),
        (3, {"planes": (0, 7)}, "no focal plane 7; its planes are 0 to 2"),
        (3, {"planes": (-1, 0)}, "no focal plane -1"),
        (3, {"planes": (1, 1)}, "named twice"),
        (3, {"defocus_offset_um": 1.0}, "heights"),
    ],
)
def test_pairs_that_cannot_be_are_refused(count, options, message):
    with pytest.raises(PlanePairError, match=message) as caught:
        choose(stack(0, None, count), **options)
    assert str(caught.value).startswith("slide.tiff: ")
    assert "\n" not in str(caught.value)


def test_one_strong_window_does_not_decide_the_focus():
    tissue = section(512 * 2, 512 * 3, seed=5) * 0.4
    sharp, soft = shot(tissue, 0.7), shot(tissue, 2.0)
    strong = section(512, 512, seed=6) * 3
    sharp[:512, :512], soft[:512, :512] = shot(strong, 2.0), shot(strong, 0.7)
    middle = np.full_like(sharp, 200)
    assert choose(SlideInMemory([soft, middle, sharp]), planes=None).initial_focus == 2


def test_windows_are_spread_over_the_slide():
    cells = [Region(y, x, 512, 512) for y in range(0, 5120, 512) for x in range(0, 5120, 512)]
    taken = spread(cells, 5)
    corners = {(0, 0), (0, 4608), (4608, 0), (4608, 4608)}
    assert {(region.y, region.x) for region in taken[1:]} == corners
    assert len(taken) == 5
    assert Size(512, 512) == taken[0].size
