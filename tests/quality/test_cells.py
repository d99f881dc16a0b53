"""Counting cells: drawn ones, and those of the sample beside ImageJ."""

import subprocess
from functools import cache
from pathlib import Path
from shutil import which

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from wsi_refocus.quality.cells import (
    LARGEST_UM2,
    SMALLEST_UM2,
    WHITE,
    cell_areas,
    count_cells,
    stretched_grey,
    threshold_of,
)

MPP = 0.5
SAMPLE = Path(__file__).parents[2] / "sample_slides" / "cmu-1-truth.ome.tiff"
SAMPLE_MPP = 0.499
IMAGEJ = Path("/usr/share/java/ij.jar")
PROGRAM = Path(__file__).with_name("CountCells.java")
EDGE = 512
# Threshold and count of every tile of the sample, row by row, by ImageJ 1.53t: count_cells.ijm on a display and
# CountCells.java without one print the same.
BY_IMAGEJ = (
    (152, 1), (156, 39), (167, 88), (186, 0),
    (187, 1), (162, 44), (139, 186), (132, 15),
    (163, 22), (160, 102), (137, 199), (136, 45),
    (167, 0), (149, 88), (132, 211), (152, 56),
    (128, 0), (160, 170), (149, 185), (145, 63),
)  # fmt: skip
TOLERANCE = 0.02


def _drawn(centres: list[tuple[int, int]], radius: float, edge: int = 200) -> NDArray[np.uint8]:
    """Dark discs on stroma, with noise."""
    rows, columns = np.mgrid[:edge, :edge]
    image = np.full((edge, edge, 3), (215, 130, 165), np.float64)
    for row, column in centres:
        image[np.hypot(rows - row, columns - column) <= radius] = (90, 60, 130)
    noise = np.random.default_rng(0).normal(0, 3, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


GRID = [(row, column) for row in range(25, 200, 50) for column in range(25, 200, 50)]


def test_discs_are_counted_and_their_areas_are_right() -> None:
    areas = cell_areas(_drawn(GRID, 8), MPP)
    assert len(areas) == len(GRID)
    assert areas == pytest.approx(np.pi * (8 * MPP) ** 2, rel=0.03)


def test_only_what_has_the_size_of_a_nucleus_is_a_cell() -> None:
    smallest, largest = (np.sqrt(area / np.pi) / MPP for area in (SMALLEST_UM2, LARGEST_UM2))
    assert count_cells(_drawn(GRID, 0.9 * smallest), MPP) == 0
    assert count_cells(_drawn(GRID, 1.1 * smallest), MPP) == len(GRID)
    assert count_cells(_drawn([(100, 100)], 0.95 * largest), MPP) == 1
    assert count_cells(_drawn([(100, 100)], 1.05 * largest), MPP) == 0
    assert count_cells(_drawn(GRID, 8), 8 * MPP) == 0


def test_discs_that_touch_are_one_particle_and_those_at_the_border_count() -> None:
    assert count_cells(_drawn([(50, 50), (50, 66), (150, 150)], 8), MPP) == 2
    assert count_cells(_drawn([(50, 50), (50, 70), (150, 150)], 8), MPP) == 3
    assert count_cells(_drawn([(0, 100), (199, 199)], 10), MPP) == 2


def test_pixels_that_touch_at_a_corner_are_of_one_particle() -> None:
    image = np.full((40, 40, 3), 170, np.uint8)
    image[5:12, 5:12] = image[12:19, 12:19] = 60
    assert cell_areas(image, MPP).tolist() == [2 * 49 * MPP**2]


def test_holes_are_no_area() -> None:
    image = np.full((40, 40, 3), 170, np.uint8)
    image[5:25, 5:25] = 60
    image[10:15, 10:15] = 170
    assert cell_areas(image, MPP).tolist() == [(400 - 25) * MPP**2]


@pytest.mark.parametrize("glass", [190, 215, 243, 255])
def test_on_glass_are_no_cells(glass: int) -> None:
    noise = np.random.default_rng(1).normal(0, 2, (200, 200, 3))
    assert count_cells(np.clip(glass + noise, 0, 255).astype(np.uint8), MPP) == 0


def test_glass_beside_tissue_changes_nothing() -> None:
    tissue = _drawn(GRID, 8)
    beside = np.concatenate([tissue, np.full((200, 600, 3), 240, np.uint8)], axis=1)
    assert count_cells(beside, MPP) == count_cells(tissue, MPP)


def test_a_little_blur_leaves_the_count_and_much_of_it_does_not() -> None:
    pairs = [(row, column + step) for row, column in GRID for step in (0, 13)]
    counts = []
    for sigma in (0, 1, 8):
        blurred = ndimage.gaussian_filter(_drawn(pairs, 5).astype(np.float64), (sigma, sigma, 0))
        counts.append(count_cells(blurred.astype(np.uint8), MPP))
    assert counts[0] == counts[1] == len(pairs)
    assert counts[2] <= len(GRID)


def test_grey_is_the_rounded_mean_of_the_channels_and_white_is_full() -> None:
    image = np.array([[[10, 20, 31], [10, 20, 32], [WHITE] * 3, [255] * 3, [0] * 3]], np.uint8)
    assert stretched_grey(image).tolist() == [[20 * 256 // WHITE, 21 * 256 // WHITE, 255, 255, 0]]


def test_the_threshold_is_midway_and_nothing_is_told_apart_in_one_level() -> None:
    assert threshold_of(np.repeat(np.array([50, 60, 190, 200], np.uint8), 10)) == 125
    assert threshold_of(np.repeat(np.array([0, 50, 60, 190, 200, 255], np.uint8), [90, 10, 10, 10, 10, 90])) == 125
    assert threshold_of(np.full((4, 4), 77, np.uint8)) == 128
    assert threshold_of(np.full((4, 4), 255, np.uint8)) == 128


@pytest.mark.parametrize("image", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3))])
def test_what_is_no_rgb_is_refused(image: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="8-bit RGB"):
        count_cells(image, MPP)


@pytest.mark.parametrize("mpp", [0.0, -1.0, float("nan")])
def test_a_pixel_without_size_is_refused(mpp: float) -> None:
    with pytest.raises(ValueError, match="size"):
        count_cells(np.zeros((8, 8, 3), np.uint8), mpp)


@cache
def _tiles() -> list[NDArray[np.uint8]]:
    """Whole tiles of the sample, row by row."""
    pixels = tifffile.imread(SAMPLE)
    height, width = pixels.shape[:2]
    return [
        pixels[y : y + EDGE, x : x + EDGE]
        for y in range(0, height - EDGE + 1, EDGE)
        for x in range(0, width - EDGE + 1, EDGE)
    ]


def test_the_sample_has_as_many_cells_as_imagej_counts() -> None:
    thresholds = [threshold_of(stretched_grey(tile)) for tile in _tiles()]
    assert thresholds == pytest.approx([threshold for threshold, _ in BY_IMAGEJ], abs=1)
    _assert_agrees([count for _, count in BY_IMAGEJ])


@pytest.mark.skipif(
    not IMAGEJ.exists() or which("javac") is None,
    reason="needs ImageJ and a Java compiler (Debian's imagej and default-jdk-headless)",
)
def test_imagej_itself_counts_as_many(tmp_path: Path) -> None:
    for number, tile in enumerate(_tiles()):
        Image.fromarray(tile).save(tmp_path / f"{number:02d}.png")
    settings = [str(each) for each in (SAMPLE_MPP, WHITE, SMALLEST_UM2, LARGEST_UM2)]
    java = ["java", "-Djava.awt.headless=true", "-cp", str(IMAGEJ), str(PROGRAM), str(tmp_path), *settings]
    version, *lines = subprocess.run(java, check=True, capture_output=True, text=True).stdout.splitlines()
    assert version.startswith("ImageJ")
    _assert_agrees([int(line.split()[2]) for line in lines])


def test_the_macro_has_the_settings_of_the_program() -> None:
    macro = PROGRAM.with_name("count_cells.ijm").read_text(encoding="utf-8")
    assert f"setMinAndMax(0, {WHITE})" in macro
    assert f"size={SMALLEST_UM2:g}-{LARGEST_UM2:g} " in macro


def _assert_agrees(by_imagej: list[int]) -> None:
    """In total, and with what differs tile by tile added up, so that nothing cancels."""
    counts = [count_cells(tile, SAMPLE_MPP) for tile in _tiles()]
    assert len(counts) == len(by_imagej) == 20
    assert sum(counts) == pytest.approx(sum(by_imagej), rel=TOLERANCE)
    assert np.abs(np.subtract(counts, by_imagej)).sum() <= TOLERANCE * sum(by_imagej)
