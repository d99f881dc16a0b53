"""The grids of a slide."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsi_refocus.geometry import Region, Size
from wsi_refocus.tiling.grid import CellGrid, CellIndex, TileGrid

sides = st.integers(1, 3000)


@given(sides, sides)
def test_cells_partition_a_slide(height: int, width: int) -> None:
    grid = CellGrid(Size(height, width))
    covered = np.zeros((height, width), np.uint8)
    for cell in grid:
        covered[grid.region(cell).slices] += 1
    assert covered.min() == covered.max() == 1
    assert len(list(grid)) == grid.shape[0] * grid.shape[1]


@given(
    y=st.integers(0, 40), x=st.integers(0, 40), height=st.integers(1, 900), width=st.integers(1, 900),
    edge=st.sampled_from([64, 128, 512]), stride=st.sampled_from([1, 2, 16]),
)  # fmt: skip
def test_cores_partition_a_region_once(y: int, x: int, height: int, width: int, edge: int, stride: int) -> None:
    region = Region(y * stride, x * stride, height, width)
    covered = np.zeros((height, width), np.uint8)
    for tile in TileGrid(edge, 3 * stride, stride).tiles(region):
        covered[tile.core.relative_to(region).slices] += 1
        assert tile.outer.contains(tile.core.grown(3 * stride))
        assert tile.outer.y % stride == tile.outer.x % stride == 0
        assert tile.outer.height % stride == tile.outer.width % stride == 0
        rows, columns = tile.crop
        assert (tile.outer.y + rows.start, tile.outer.x + columns.start) == tile.core[:2]
    assert covered.min() == covered.max() == 1


def test_tiles_lie_on_the_slides_grid_whatever_region_is_asked() -> None:
    grid = TileGrid(128, 16, 16)
    of_all = {tile.core for tile in grid.tiles(Region(0, 0, 512, 512))}
    of_part = {tile.core for tile in grid.tiles(Region(128, 256, 256, 256))}
    assert of_part < of_all


def test_cells_of_a_region_are_those_that_touch_it() -> None:
    grid = CellGrid(Size(1200, 1200))
    assert list(grid.within(Region(500, 511, 20, 1))) == [CellIndex(0, 0), CellIndex(1, 0)]
    assert list(grid.within(Region(1200, 0, 5, 5))) == []


@pytest.mark.parametrize(("edge", "halo", "stride"), [(100, 16, 16), (128, 8, 16), (0, 0, 1)])
def test_tiles_off_the_stride_are_refused(edge: int, halo: int, stride: int) -> None:
    with pytest.raises(ValueError, match="multiple"):
        TileGrid(edge, halo, stride)
