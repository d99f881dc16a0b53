import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.ngff.stores import opened_files, random_pixels, small_layout, write_slide
from wsi_refocus.geometry import Region, Size
from wsi_refocus.ngff.compressor import Version
from wsi_refocus.ngff.layout import StoreLayout
from wsi_refocus.ngff.pyramid import write_coarse_levels
from wsi_refocus.ngff.reduction import reduce_by_two
from wsi_refocus.ngff.store import create_store, open_levels, read_level, write_shard


def halved_whole(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Means of 2 × 2 in floating point over the whole image (height, width, 3), rounded half up."""
    height, width = image.shape[:2]
    even = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge").astype(np.float64)
    mean = (even[0::2, 0::2] + even[0::2, 1::2] + even[1::2, 0::2] + even[1::2, 1::2]) / 4
    return np.floor(mean + 0.5).astype(np.uint8)


def assert_pyramid(path: Path, layout: StoreLayout, pixels: NDArray[np.uint8]) -> None:
    expected = pixels
    for level in layout.levels:
        if level.index > 0:
            expected = halved_whole(expected)
        assert np.array_equal(read_level(path, level.index, Region.whole(level.size)), expected), level.index


@given(st.integers(1, 150), st.integers(1, 150), st.integers(0, 2**31))
def test_reduction_of_any_extent(height: int, width: int, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    reduced = reduce_by_two(np.ascontiguousarray(np.moveaxis(image, -1, 0)))
    assert np.array_equal(np.moveaxis(reduced, 0, -1), halved_whole(image))


def test_halves_are_rounded_up_and_white_stays_white() -> None:
    assert reduce_by_two(np.array([[[0, 1], [1, 0]]], np.uint8)).item() == 1
    assert reduce_by_two(np.array([[[0, 0], [1, 0]]], np.uint8)).item() == 0
    assert reduce_by_two(np.full((1, 2, 2), 255, np.uint8)).item() == 255


@pytest.mark.parametrize("version", ["0.5", "0.4"])
@pytest.mark.parametrize("size", [(1301, 777), (1025, 513), (256, 256), (64, 64), (63, 1), (1, 900)])
def test_every_level_is_that_of_the_whole_image(tmp_path: Path, version: Version, size: tuple[int, int]) -> None:
    layout = small_layout(*size, version)
    pixels = random_pixels(layout)
    write_slide(tmp_path, layout, pixels)
    assert_pyramid(tmp_path, layout, pixels)


def test_every_level_at_the_real_chunks_and_shards(tmp_path: Path) -> None:
    layout = StoreLayout(Size(4200, 2309), (0.5, 0.5))
    pixels = random_pixels(layout)
    write_slide(tmp_path, layout, pixels)
    assert [level.shard for level in layout.levels] == [2048, 1024, 512, 2048, 2048]
    assert_pyramid(tmp_path, layout, pixels)


@pytest.mark.parametrize("version", ["0.5", "0.4"])
def test_coarse_levels_read_the_finer_one_once_and_level_0_never(tmp_path: Path, version: Version) -> None:
    layout = small_layout(1300, 1300, version)
    pixels = random_pixels(layout)
    create_store(tmp_path, layout)
    for index in layout.shards:
        write_shard(tmp_path, layout, index, pixels[layout.shard_region(index).slices])
    steps: list[tuple[int, int]] = []
    with opened_files() as opened:
        write_coarse_levels(tmp_path, layout, lambda done, total: steps.append((done, total)))
    read = [Path(path).relative_to(tmp_path).parts for path, reading in opened if reading]
    assert not [parts for parts in read if parts[0] in ("0", "1")]
    finest = [parts for parts in read if parts[0] == "2"]
    assert len(finest) == len(set(finest)) == 6 * 6
    assert steps == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.long
def test_memory_of_the_coarse_levels_does_not_grow_with_the_slide(tmp_path: Path) -> None:
    peaks = []
    for edge in (2048, 4096):
        layout = StoreLayout(Size(edge, edge), (1, 1), chunk=64, shard=128)
        path = tmp_path / str(edge)
        create_store(path, layout)
        open_levels(path, layout)[1][...] = np.random.default_rng(0).integers(
            0, 256, (3, edge // 2, edge // 2), np.uint8
        )
        peaks.append(min(_traced_peak(path, layout) for _ in range(3)))  # what else the process does only adds to it
    assert peaks[1] < 1.15 * peaks[0]
    assert peaks[1] < 2**20  # the level that it is made from has 12 MiB


def _traced_peak(path: Path, layout: StoreLayout) -> int:
    tracemalloc.start()
    write_coarse_levels(path, layout)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak
