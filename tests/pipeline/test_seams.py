"""Cells that are given back fade into their neighbours, also into those of other shards, however the run went."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import zarr
from numpy.typing import NDArray

import wsi_refocus
from tests.pipeline.conftest import Judged
from tests.pipeline.judged import SHARD, SIZE, TINTED, Image, blended, faded, options
from tests.pipeline.outputs import array_files, pixels
from tests.support.two_shot import halved
from wsi_refocus.errors import FailedShardsError
from wsi_refocus.geometry import Region
from wsi_refocus.ngff.store import read_level
from wsi_refocus.pairing.blending import WIDTH, feather
from wsi_refocus.pipeline import refocus
from wsi_refocus.pipeline.give_back import load_rims, rims_of, save_rims
from wsi_refocus.pipeline.journal import Journal
from wsi_refocus.pipeline.refocus import refocus_slide
from wsi_refocus.pipeline.seams import Seam, seams_of
from wsi_refocus.tiling.grid import CELL, CellGrid


@pytest.fixture(scope="module")
def sharper(judged: Judged) -> Image:
    """The sharper shot everywhere."""
    return blended(*judged.shots, feather(judged.choice, Region.whole(SIZE)))


@pytest.fixture(scope="module")
def interrupted(tinted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output all of whose shards are written, and whose run was interrupted before it mended their borders."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    output = tmp_path_factory.mktemp("interrupted") / "o.ome.zarr"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(refocus, "_mend_seams", interrupt)
        with pytest.raises(KeyboardInterrupt):
            refocus_slide(tinted, output=output, **options())
    return output


@pytest.fixture
def unfinished(interrupted: Path, tmp_path: Path) -> Path:
    """A copy of it, to go on with."""
    return Path(shutil.copytree(interrupted, tmp_path / "o.ome.zarr"))


def _assert_equal(output: str | Path, judged: Judged) -> None:
    """Every file of the levels, and the quality table to the last bit."""
    assert array_files(output) == array_files(judged.summary.output)
    tables = (wsi_refocus.read_quality(str(each)) for each in (output, judged.summary.output))
    pd.testing.assert_frame_equal(*tables, check_exact=True)


def test_the_tinted_cells_are_kept_and_no_others(judged: Judged) -> None:
    table = wsi_refocus.read_quality(judged.summary.output)
    kept = table[table["decision"] == "kept"]
    assert {(row["iy"], row["ix"]) for _, row in kept.iterrows()} == {tuple(cell) for cell in TINTED}
    assert set(kept["written"]) == {"sharper shot"}
    assert kept["reason"].str.contains("colours changed").all()
    assert set(table.loc[table["decision"] == "refocused", "written"]) == {"refocused"}
    assert judged.summary.tiles["kept"] == 2


def test_inside_a_kept_cell_lie_the_pixels_of_the_sharper_shot(judged: Judged, refocused: Image) -> None:
    for cell in TINTED:
        place = CellGrid(SIZE).region(cell)
        inner = Region.between(place.y + WIDTH, place.x + WIDTH, place.y1 - WIDTH, place.x1 - WIDTH).slices
        shot = judged.shots[int(judged.choice[cell])]
        assert np.array_equal(judged.pixels[inner], shot[inner])
        assert np.abs(refocused[inner].astype(int) - shot[inner]).mean() > 2


def test_the_output_is_what_one_composition_over_the_whole_slide_gives(judged: Judged, refocused: Image) -> None:
    assert np.array_equal(judged.pixels, faded(refocused, judged.shots, judged.choice, list(TINTED)))


def test_far_from_kept_cells_nothing_changes(judged: Judged, refocused: Image) -> None:
    far = np.ones(SIZE, np.bool_)
    for cell in TINTED:
        place = CellGrid(SIZE).region(cell).grown(WIDTH)
        far[max(place.y, 0) : place.y1, max(place.x, 0) : place.x1] = False
    assert np.array_equal(judged.pixels[far], refocused[far])


def test_coarser_levels_are_those_of_the_mended_pixels(judged: Judged) -> None:
    expected = judged.pixels
    for level in range(1, judged.summary.levels):
        expected = halved(expected)
        height, width = expected.shape[:2]
        found = read_level(judged.summary.output, level, Region(0, 0, height, width))
        assert np.abs(found.astype(int) - expected).max() <= 1 + level


def _step(image: NDArray[Any], border: int, axis: int, along: slice) -> float:
    """Mean size of the step across a border: between means over four pixels on each side and 16 along it."""
    turned = np.moveaxis(image, axis, 0).astype(np.float64)
    before, after = (
        turned[rows, along].mean(axis=0) for rows in (slice(border - 4, border), slice(border, border + 4))
    )
    return float(np.abs((after - before).reshape(-1, 16, 3).mean(axis=1)).mean())


BORDERS = [
    (SHARD, 0, slice(3 * CELL, 4 * CELL)),  # below the cell in the corner
    (SHARD, 1, slice(3 * CELL, 4 * CELL)),  # to the right of it
    (3 * CELL, 0, slice(3 * CELL, 4 * CELL)),  # above it, within its shard
    (SHARD, 0, slice(CELL, 2 * CELL)),  # above the cell beside a border
]


@pytest.mark.parametrize(("border", "axis", "along"), BORDERS)
def test_no_border_shows(
    judged: Judged, refocused: Image, sharper: Image, border: int, axis: int, along: slice
) -> None:
    """The step is that of the picture there; putting the shot and the refocused pixels side by side adds one."""
    plain = max(_step(image, border, axis, along) for image in (*judged.shots, refocused))
    assert _step(judged.pixels, border, axis, along) < 1.05 * plain
    added = judged.pixels.astype(float) - sharper
    assert _step(added, border, axis, along) < 0.2
    beside = np.moveaxis(refocused.astype(float) - sharper, axis, 0).copy()
    beside[border:] = 0
    assert _step(np.moveaxis(beside, 0, axis), border, axis, along) > 1.5


def test_pixels_turn_into_the_sharper_shot_gradually(judged: Judged, refocused: Image, sharper: Image) -> None:
    """Row by row away from the border of a shard, as the share of the refocused pixels rises from 0 to 1."""
    columns = slice(3 * CELL + WIDTH, 4 * CELL - WIDTH)
    rows = slice(SHARD, SHARD + WIDTH)
    full = (refocused[rows, columns].astype(float) - sharper[rows, columns]).reshape(WIDTH, -1)
    found = (judged.pixels[rows, columns].astype(float) - sharper[rows, columns]).reshape(WIDTH, -1)
    share = (found * full).sum(axis=1) / np.square(full).sum(axis=1)
    assert np.abs(full).mean() > 3
    assert share[0] < 0.02 and share[-1] > 0.98
    assert np.diff(share).min() > -0.02 and np.diff(share).max() < 0.08


def test_before_the_mending_the_borders_of_shards_are_hard(interrupted: Path, refocused: Image) -> None:
    """What the other tests would miss if nothing were mended."""
    made = pixels(interrupted, *SIZE)
    columns = slice(3 * CELL, 4 * CELL)
    assert np.array_equal(made[SHARD : SHARD + WIDTH, columns], refocused[SHARD : SHARD + WIDTH, columns])


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.long), 2])
def test_any_number_of_workers_gives_the_same_bytes(judged: Judged, tinted: Path, tmp_path: Path, workers: int) -> None:
    other = refocus_slide(tinted, output=tmp_path / "o.ome.zarr", **options(workers=workers, threads=1))
    _assert_equal(other.output, judged)


def _finished_equally(judged: Judged, tinted: Path, output: Path) -> None:
    _assert_equal(refocus_slide(tinted, output=output, **options()).output, judged)
    assert not Journal(output).folder.exists()


def test_a_run_interrupted_before_the_mending_is_continued_to_the_same_bytes(
    judged: Judged, tinted: Path, unfinished: Path
) -> None:
    assert len(Journal(unfinished).finished_shards()) == 4
    with pytest.raises((FileNotFoundError, ValueError)):
        zarr.open_group(str(unfinished), mode="r")
    _finished_equally(judged, tinted, unfinished)


@pytest.mark.parametrize("after", [1, 3])
def test_a_run_interrupted_amid_the_mending_is_continued_to_the_same_bytes(
    judged: Judged, tinted: Path, unfinished: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """Killed when the pixels of a mended shard are written, and its measures are not."""
    calls: list[int] = []
    finish = Journal.finish_shard

    def interrupt(journal: Journal, iy: int, ix: int, cells: list[dict[str, Any]]) -> None:
        calls.append(iy)
        if len(calls) > after:
            raise KeyboardInterrupt
        finish(journal, iy, ix, cells)

    with monkeypatch.context() as patched:
        patched.setattr(Journal, "finish_shard", interrupt)
        with pytest.raises((KeyboardInterrupt, FailedShardsError)):
            refocus_slide(tinted, output=unfinished, **options(threads=1, retries=0))
    assert len(calls) > after
    _finished_equally(judged, tinted, unfinished)


def _rows(kept: list[tuple[int, int]], others: str = "refocused") -> list[dict[str, Any]]:
    written = "refocused" if others == "refocused" else "sharper shot"
    return [
        {"iy": cell.iy, "ix": cell.ix, "decision": "kept", "written": "sharper shot"}
        if cell in kept
        else {"iy": cell.iy, "ix": cell.ix, "decision": others, "written": written}
        for cell in CellGrid(SIZE).within(Region.whole(SIZE))
    ]


@pytest.mark.parametrize(
    ("kept", "mended"),
    [
        ([], []),
        ([(1, 1)], []),  # within its shard
        ([(0, 0)], []),  # at the border of the slide
        ([(3, 1)], [Seam((1, 0), ((3, 1),))]),
        ([(1, 4)], [Seam((0, 0), ((1, 4),))]),
        ([(3, 3)], [Seam(shard, ((3, 3),)) for shard in ((0, 1), (1, 0), (1, 1))]),
        ([(0, 1), (3, 1)], [Seam((1, 0), ((3, 1),))]),
        ([(2, 1), (4, 1)], [Seam((0, 0), ((2, 1), (4, 1)))]),
    ],
)
def test_shards_beside_a_kept_cell_are_mended(judged: Judged, kept: list[tuple[int, int]], mended: list[Seam]) -> None:
    assert list(seams_of(judged.record, _rows(kept))) == mended
    assert list(seams_of(judged.record, _rows(kept)[::-1])) == mended


@pytest.mark.parametrize("others", ["background", "flagged", "kept"])
def test_beside_cells_that_are_captured_there_is_no_seam(judged: Judged, others: str) -> None:
    assert list(seams_of(judged.record, _rows([(3, 3)], others))) == []


def test_rims_are_kept_as_they_were(tmp_path: Path) -> None:
    for region in (Region(2048, 4096, 300, 500), Region(0, 0, 40, 500), Region(0, 2048, 70, 20)):
        made = np.random.default_rng(0).integers(0, 256, (*region.size, 3), np.uint8)
        save_rims(tmp_path / "rims" / "1_2.npz", region, made)
        stored = load_rims(tmp_path / "rims" / "1_2.npz")
        assert list(stored) == [name for name, _ in rims_of(region)]
        for name, strip in rims_of(region):
            assert region.contains(strip)
            assert np.array_equal(stored[name], made[strip.relative_to(region).slices])
    assert [path.name for path in (tmp_path / "rims").iterdir()] == ["1_2.npz"]
