import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ngff.stores import small_layout
from wsi_refocus.errors import UsageError
from wsi_refocus.geometry import Region, Size
from wsi_refocus.ngff.layout import ShardIndex, StoreLayout

extents = st.integers(1, 3000)


def test_levels_of_the_real_layout() -> None:
    layout = StoreLayout(Size(40_000, 30_001), (0.5, 0.25))
    assert [level.size for level in layout.levels][:3] == [
        (40_000, 30_001),
        (20_000, 15_001),
        (10_000, 7_501),
    ]
    assert [level.shard for level in layout.levels] == [2048, 1024, 512, 2048, 2048, 2048, 2048, 2048]
    assert layout.task_levels == 3
    assert len(layout.shards) == 20 * 15


def test_scale_and_half_pixel_translation() -> None:
    levels = small_layout(1000, 1000).levels
    assert levels[0].scale == (0.5, 0.25) and levels[0].translation == (0.0, 0.0)
    assert levels[1].scale == (1.0, 0.5) and levels[1].translation == (0.25, 0.125)
    assert levels[3].scale == (4.0, 2.0) and levels[3].translation == (1.75, 0.875)


@given(extents, extents)
def test_levels_end_at_the_first_that_is_one_chunk(height: int, width: int) -> None:
    sizes = [level.size for level in small_layout(height, width).levels]
    assert max(sizes[-1]) <= 64
    assert all(max(size) > 64 for size in sizes[:-1])


@given(extents, extents)
def test_a_level_covers_the_same_area_as_level_0(height: int, width: int) -> None:
    for level in small_layout(height, width).levels:
        for extent, pixels, scale, first in zip(
            (height * 0.5, width * 0.25), level.size, level.scale, level.translation, strict=True
        ):
            start = first - scale / 2
            assert start == pytest.approx(-0.25 if scale == level.scale[0] else -0.125, abs=1e-9)
            assert extent <= pixels * scale + 1e-9
            assert (pixels - 1) * scale < extent


@given(extents, extents)
def test_shards_partition_the_slide_and_the_levels_of_a_task(height: int, width: int) -> None:
    layout = small_layout(height, width)
    for level in layout.levels[: layout.task_levels]:
        written = np.zeros(level.size, np.uint8)
        for index in layout.shards:
            square = Region(index.iy * level.shard, index.ix * level.shard, level.shard, level.shard)
            written[square.intersection(Region.whole(level.size)).slices] += 1
        assert (written == 1).all()
    assert sum(layout.shard_region(index).area for index in layout.shards) == layout.size.area


@given(extents, extents)
def test_coarse_levels_are_partitioned_by_their_shards(height: int, width: int) -> None:
    for level in small_layout(height, width).levels:
        assert sum(region.area for region in level.shard_regions) == level.size.area


def test_layout_survives_json() -> None:
    layout = small_layout(300, 200, "0.4", "blosc:3")
    stored = json.loads(json.dumps(asdict(layout)))
    rebuilt = StoreLayout(**{**stored, "size": Size(*stored["size"]), "mpp": tuple(stored["mpp"])})
    assert rebuilt == layout


@pytest.mark.parametrize(("chunk", "shard"), [(512, 1536), (512, 700), (512, 256)])
def test_edges_that_do_not_fit_are_refused(chunk: int, shard: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        StoreLayout(Size(10, 10), (1, 1), chunk=chunk, shard=shard)


def test_an_unknown_compressor_is_refused_before_anything_is_written() -> None:
    with pytest.raises(UsageError, match="lzma"):
        StoreLayout(Size(10, 10), (1, 1), compressor="lzma")


def test_a_shard_beyond_the_slide_is_refused() -> None:
    with pytest.raises(ValueError, match="no shard"):
        small_layout(300, 300).shard_region(ShardIndex(2, 0))
