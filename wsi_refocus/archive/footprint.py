"""How many files and bytes an output will have."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.config import RunSettings
from wsi_refocus.geometry import Size
from wsi_refocus.methods import is_trained
from wsi_refocus.ngff.arrays import write_image
from wsi_refocus.ngff.compressor import Compressor
from wsi_refocus.ngff.layout import LevelLayout, StoreLayout, pyramid_levels
from wsi_refocus.ngff.reduction import reduce_by_two
from wsi_refocus.pipeline.measure import KEEPING_METHODS
from wsi_refocus.slide.model import SlideInfo
from wsi_refocus.slide.source import SlideSource
from wsi_refocus.tiling.grid import CELL, CellGrid, CellIndex

_SINGLE_FILES = 5
"""Quality table, report, preview, record of the run, checksums."""
_SINGLE_FILES_BYTES = 1_000_000
_PICTURE_BYTES = 80_000
"""Bytes of these files, and more of the report's and the preview's pictures for every tile with tissue, up to
`_PICTURES` tiles; measured on the sample slides."""
_PICTURES = 32
_DRAWN, _DRAWN_IF_JUDGED, _DRAWN_IF_TRAINED, _DRAWN_BY_REFERENCE = 12, 12, 7, 6
"""Columns of the quality table that are drawn in the quality image: of every run, and more of some."""
_SAMPLES = 4
"""Cells with tissue, and as many without, that are compressed to see how small they become."""


def count_files(layout: StoreLayout, info: SlideInfo, settings: RunSettings) -> int:
    """Count the files of an output; exact, but for slides without tissue and for large associated images.

    Parameters
    ----------
    layout
        Its arrays.
    info
        The slide.
    settings
        Settings of the run.
    """
    documents = 1 if layout.version == "0.5" else 2
    picture = sum(documents + _pieces(level, layout) for level in layout.levels)
    rows, columns = CellGrid(layout.size).shape
    levels = pyramid_levels(Size(rows, columns), (1.0, 1.0), (0.0, 0.0), layout.chunk, (layout.chunk,))
    quality = documents + sum(documents + _drawn(settings) * _pieces(level, layout) for level in levels)
    phase = documents + picture if settings.phase else 0
    count = len(info.associated)
    # an associated image is a group with one level, taken to be one chunk: its extent is not known before it is read
    associated = documents + count * (2 * documents + 1) if count else 0
    said = (info.ome_xml is not None) + (info.icc_profile is not None)
    return picture + documents + quality + phase + associated + said + _SINGLE_FILES


def _pieces(level: LevelLayout, layout: StoreLayout) -> int:
    edge = level.shard if layout.version == "0.5" else level.chunk
    return -(-level.size.height // edge) * -(-level.size.width // edge)


def _drawn(settings: RunSettings) -> int:
    judged = settings.policy != "off" and settings.method not in KEEPING_METHODS
    return (
        _DRAWN
        + _DRAWN_IF_JUDGED * judged
        + _DRAWN_IF_TRAINED * (judged and is_trained(settings.method))
        + _DRAWN_BY_REFERENCE * (settings.reference is not None)
    )


def estimate_bytes(
    source: SlideSource, plane: int, with_tissue: Sequence[CellIndex], without: Sequence[CellIndex], layout: StoreLayout
) -> float:
    """Estimate the bytes of an output: some cells with tissue and some without are compressed as a run would do.

    The captured shot stands for the refocused one, whose finer detail takes up to a quarter more.

    Parameters
    ----------
    source
        The open slide.
    plane
        Which plane of it.
    with_tissue, without
        All its cells.
    layout
        Arrays of the output.

    Raises
    ------
    SlideError
        If the cells cannot be read.
    """
    grid = CellGrid(layout.size)
    total: float = _SINGLE_FILES_BYTES + _PICTURE_BYTES * min(len(with_tissue), _PICTURES)
    for cells in (with_tissue, without):
        sample = [grid.region(cells[i]) for i in _spread(len(cells))]
        weighed = sum(_stored_bytes(source.read_region(plane, 0, region), layout) for region in sample)
        area = sum(grid.region(cell).area for cell in cells)
        total += weighed / max(1, sum(region.area for region in sample)) * area
    return total


def _spread(count: int) -> list[int]:
    """Some indices, spread evenly."""
    return sorted({int((i + 0.5) * count / _SAMPLES) for i in range(_SAMPLES)}) if count else []


def _stored_bytes(pixels: NDArray[np.uint8], layout: StoreLayout) -> float:
    """Bytes that pixels take in the finest level and in all coarser ones."""
    planes = np.ascontiguousarray(np.moveaxis(pixels, -1, 0))
    finest, next_one = _compressed(planes, layout), _compressed(reduce_by_two(planes), layout)
    return finest + next_one * 4 / 3  # from there on, every level has a quarter of the bytes


def _compressed(planes: NDArray[np.uint8], layout: StoreLayout) -> int:
    height, width = planes.shape[1:]
    edge = min(CELL, max(height, width))
    level = LevelLayout(0, Size(height, width), (1.0, 1.0), (0.0, 0.0), edge, edge)
    with tempfile.TemporaryDirectory() as folder:
        write_image(
            Path(folder), level, planes, channels_in_chunk=3, version=layout.version,
            compressor=Compressor.parse(layout.compressor),
        )  # fmt: skip
        return sum(file.stat().st_size for file in Path(folder).rglob("*") if file.name.isdecimal() and file.is_file())
