import json
from dataclasses import fields, replace

import numpy as np
import pytest

from tests.pairing.sections import SlideInMemory, moved, section, shot
from wsi_refocus.errors import PlanePairError
from wsi_refocus.geometry import Region, Size
from wsi_refocus.pairing.alignment import AlignedPair
from wsi_refocus.pairing.blending import feather
from wsi_refocus.pairing.measure import CellMeasure, survey_cell, survey_window
from wsi_refocus.pairing.survey import Survey, assemble
from wsi_refocus.tiling.grid import CellGrid, CellIndex
from wsi_refocus.tiling.tissue import TissueMask, full

GAIN = (0.96, 1.0, 1.03)
SHIFT = (3.4, -6.2)


def measured(slide, tissue=None):
    grid = CellGrid(slide.info.size)
    tissue = tissue or full(slide.info.size)
    windows = [(cell, survey_window(grid.region(cell), tissue)) for cell in grid]
    measures = [survey_cell(slide, (0, 1), cell, window) for cell, window in windows]
    return [measure for measure in measures if measure is not None], grid


def survey_of(slide, **options):
    measures, grid = measured(slide)
    return assemble(measures, grid, np.ones(grid.shape, np.float32), **options)


def two_shots(size=(1500, 2100), blurs=(0.8, 1.6), seed=1):
    tissue = section(*size, seed)
    first = shot(tissue, blurs[0], phase=1.0, gain=GAIN)
    second = shot(moved(tissue, *SHIFT), blurs[1], phase=-1.0, seed=1)
    return SlideInMemory([first, second])


def made_up(iy, ix, dy=1.0, dx=-2.0, error=0.05, confidence=0.95, texture=0.1, brenner=(10.0, 5.0)):
    return CellMeasure(iy, ix, *brenner, dy, dx, error, confidence, texture, (1.0, 1.0, 1.0))


def made_up_survey(measures, rows, columns, tissue=None, **options):
    grid = CellGrid(Size(rows * 512, columns * 512))
    fractions = np.ones((rows, columns), np.float32) if tissue is None else tissue
    return assemble(measures, grid, fractions, **options)


def test_shift_gain_and_sharper_plane_are_found():
    survey = survey_of(two_shots())
    assert survey.slide_shift == pytest.approx(SHIFT, abs=0.1)
    assert survey.slide_shift_error < 0.1
    assert survey.slide_gain == pytest.approx(GAIN, abs=0.01)
    assert np.abs(survey.shift - SHIFT).max() < 0.2
    assert survey.reference == 0
    assert not survey.choice.any()
    assert not survey.flagged.any()


def test_alignment_by_the_survey_brings_the_planes_together():
    slide = two_shots(blurs=(1.2, 1.2))
    pair = AlignedPair(slide, (0, 1), survey_of(slide, reference=0))
    first, second = (each.astype(float) for each in pair.read(Region(30, 30, 1400, 2000)))
    captured = slide.planes[1][30:1430, 30:2030]
    assert np.mean((first - second) ** 2) < 0.25 * np.mean((first - captured) ** 2)


def test_swapped_planes_give_the_same_survey_from_the_other_side():
    slide = two_shots()
    one, other = survey_of(slide), survey_of(SlideInMemory(slide.planes[::-1]))
    assert other.reference == 1 - one.reference
    assert np.array_equal(other.choice, 1 - one.choice)
    assert np.abs(other.shift + one.shift).max() < 0.03
    assert other.gain * one.gain == pytest.approx(np.ones_like(one.gain), abs=0.005)


def test_order_of_the_measures_does_not_matter():
    measures, grid = measured(two_shots((1100, 1100)))
    ones = np.ones(grid.shape, np.float32)
    assert assemble(measures, grid, ones).to_json() == assemble(measures[::-1], grid, ones).to_json()


def test_json_round_trip_is_exact():
    survey = survey_of(two_shots((1100, 700)))
    again = Survey.from_json(json.loads(json.dumps(survey.to_json(), allow_nan=False)))
    for field in fields(Survey):
        before, after = getattr(survey, field.name), getattr(again, field.name)
        assert np.array_equal(before, after)
        assert type(before) is type(after)
    assert again.shift.dtype == np.float32


def test_scale_and_rotation_between_the_passes_are_followed():
    rows = columns = 12
    measures = [
        made_up(iy, ix, 2 + 0.4 * (iy - 6) - 0.2 * (ix - 6), 1 + 0.2 * (iy - 6) + 0.4 * (ix - 6))
        for iy in range(rows)
        for ix in range(columns)
        if (iy + ix) % 3
    ]
    survey = made_up_survey(measures, rows, columns)
    assert survey.shift[0, 0] == pytest.approx([2 - 2.4 + 1.2, 1 - 1.2 - 2.4], abs=0.1)
    assert survey.shift[9, 3] == pytest.approx([2 + 1.2 + 0.6, 1 + 0.6 - 1.2], abs=0.1)
    assert not survey.flagged.any()


def test_gaps_take_the_fit_and_their_neighbours():
    measures = [made_up(iy, ix) for iy in range(5) for ix in range(5) if (iy, ix) != (2, 2)]
    survey = made_up_survey(measures, 5, 5)
    assert survey.shift[2, 2] == pytest.approx([1.0, -2.0], abs=0.01)
    assert not survey.flagged.any()


def test_place_with_other_tissue_is_flagged_and_does_not_pull():
    slide = two_shots((1536, 1536))
    slide.planes[1][1024:, 1024:] = shot(section(512, 512, 99), 1.6)
    survey = survey_of(slide)
    assert survey.flagged[2, 2]
    assert survey.flagged.sum() == 1
    assert survey.reasons == {CellIndex(2, 2): "the planes do not show the same here"}
    assert np.abs(survey.shift - SHIFT).max() < 0.2


def test_confident_shift_far_from_the_slides_is_flagged():
    measures = [made_up(iy, ix) for iy in range(4) for ix in range(4)]
    measures[5] = replace(measures[5], dy=9.0)
    survey = made_up_survey(measures, 4, 4)
    assert survey.flagged[1, 1]
    assert survey.flagged.sum() == 1
    assert survey.shift[1, 1] == pytest.approx([1.0, -2.0], abs=0.05)


def test_shift_beyond_the_limit_is_flagged_everywhere():
    survey = made_up_survey([made_up(iy, ix, 26.0, 26.0) for iy in range(3) for ix in range(3)], 3, 3)
    assert survey.flagged.all()
    assert set(survey.reasons.values()) == {"the planes are shifted too far against each other"}


def test_nothing_measured_is_uncertain_where_there_is_tissue():
    tissue = np.array([[1, 0.0]], np.float32)
    survey = made_up_survey([], 1, 2, tissue)
    assert survey.flagged.tolist() == [[True, False]]
    assert survey.slide_shift_error is None
    json.dumps(survey.to_json()["slide_shift_error"], allow_nan=False)


def test_pale_cells_contradict_nothing():
    measures = [made_up(iy, ix) for iy in range(3) for ix in range(3)]
    measures[4] = made_up(1, 1, 20.0, 11.0, 8.0, 0.1, texture=0.002)
    survey = made_up_survey(measures, 3, 3)
    assert not survey.flagged.any()
    assert survey.shift[1, 1] == pytest.approx([1.0, -2.0], abs=0.05)


def test_two_different_sections_are_refused():
    slide = SlideInMemory([shot(section(1536, 1536, 1)), shot(section(1536, 1536, 2))])
    with pytest.raises(PlanePairError, match=r"case-7: the two planes do not show the same tissue") as caught:
        survey_of(slide, name="case-7")
    assert "\n" not in str(caught.value)


def test_undecided_cells_follow_the_nearest_decided_one():
    even = [made_up(0, ix, brenner=(8.0, 8.0)) for ix in range(2, 8)]
    left = [made_up(0, ix, brenner=(9.0, 4.0)) for ix in range(2)]
    right = [made_up(0, ix, brenner=(4.0, 9.0)) for ix in range(8, 10)]
    survey = made_up_survey(left + even + right, 1, 10)
    assert survey.choice.tolist() == [[0] * 5 + [1] * 5]


def test_single_cell_does_not_flicker():
    measures = [made_up(iy, ix, brenner=(9.0, 7.0)) for iy in range(5) for ix in range(5)]
    measures[12] = made_up(2, 2, brenner=(7.0, 9.0))
    assert not made_up_survey(measures, 5, 5).choice.any()


def test_brighter_plane_is_not_taken_for_the_sharper_one():
    bright = [
        replace(made_up(iy, ix, brenner=(10.0 * 1.21, 10.5)), gain=(1.1, 1.1, 1.1))
        for iy in range(3)
        for ix in range(3)
    ]
    assert made_up_survey(bright, 3, 3).choice.all()


def test_corrupt_cell_is_left_out():
    slide = two_shots((1100, 1100))
    slide.corrupt = Region(0, 0, 10, 10)
    tissue = full(slide.info.size)
    assert survey_cell(slide, (0, 1), CellIndex(0, 0), Region(0, 0, 256, 256)) is None
    measures, grid = measured(slide, tissue)
    survey = assemble(measures, grid, np.ones(grid.shape, np.float32))
    assert survey.shift[0, 0] == pytest.approx(SHIFT, abs=0.3)


def test_window_is_the_quadrant_with_most_tissue():
    mask = np.zeros((8, 8), bool)
    mask[2:4, 0:2] = True
    tissue = TissueMask(mask, Size(1024, 1024))
    assert survey_window(Region(0, 0, 512, 512), tissue) == Region(256, 0, 256, 256)
    assert survey_window(Region(512, 512, 512, 512), tissue) == Region(512, 512, 256, 256)
    assert survey_window(Region(512, 512, 100, 300), tissue) == Region(512, 512, 100, 256)


def sharper_shot(slide, survey, tile):
    """The sharper shot over a slide, blended where the choice changes, made in strips of ``tile`` pixels."""
    height, width = slide.info.size
    pair = AlignedPair(slide, (0, 1), survey)
    strips = []
    for x in range(0, width, tile):
        region = Region(0, x, height, min(tile, width - x))
        weight = np.asarray(feather(survey.choice.astype(bool), region), np.float32)[..., None]
        first, second = pair.read(region)
        strips.append(first * (1 - weight) + second * weight)
    return np.concatenate(strips, axis=1)


def test_blend_over_a_changing_choice_is_as_smooth_as_elsewhere():
    """Two shots of different light, and a choice that changes: no step at borders of cells or of tiles."""
    tissue = section(1024, 2048, 11)
    slide = SlideInMemory([shot(tissue, 0.8, noise=0), shot(tissue, 1.6, noise=0, gain=(0.93, 0.93, 0.93))])
    choice = np.array([[0, 0, 1, 1], [0, 1, 1, 1]], np.uint8)
    survey = replace(survey_of(slide), choice=choice, gain=np.ones((2, 4, 3), np.float32))
    result = sharper_shot(slide, survey, 320)
    assert np.array_equal(result, sharper_shot(slide, survey, 2048))
    steps = np.abs(np.diff(result, axis=1).mean(axis=(0, 2)))
    borders = [x - 1 for x in (*range(320, 2048, 320), *range(512, 2048, 512))]
    assert steps[borders].max() < np.quantile(steps, 0.99)
    first, second = slide.planes
    hard = np.where(np.kron(choice, np.ones((512, 512)))[..., None] > 0, second, first)
    assert np.abs(np.diff(hard.astype(float), axis=1).mean(axis=(0, 2)))[borders].max() > 2 * steps.max()
