import numpy as np
import pytest

from wsi_refocus.restoration.mean import Mean
from wsi_refocus.restoration.sharpest import Sharpest

RNG = np.random.default_rng(0)


def test_sharpest_gives_back_the_sharper_shot_itself():
    sharper, other = RNG.integers(0, 256, (2, 1, 8, 8, 3), dtype=np.uint8)
    assert Sharpest().restore(sharper, other) is sharper


def test_mean_is_rounded_and_does_not_overflow():
    first, second = (grid.astype(np.uint8) for grid in np.meshgrid(np.arange(256), np.arange(256)))
    first, second = (np.stack([plane] * 3, axis=-1)[np.newaxis] for plane in (first, second))
    expected = (first.astype(int) + second + 1) // 2
    mean = Mean().restore(first, second)
    assert mean.dtype == np.uint8
    assert np.array_equal(mean, expected)
    assert np.array_equal(mean, Mean().restore(second, first))


def test_mean_of_different_shapes_is_refused():
    with pytest.raises(ValueError, match="differ"):
        Mean().restore(np.zeros((1, 8, 8, 3), np.uint8), np.zeros((2, 8, 8, 3), np.uint8))
