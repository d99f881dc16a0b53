"""Looking at what a run wrote."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.geometry import Region
from wsi_refocus.ngff.store import read_level
from wsi_refocus.pipeline.summary import RunSummary


def pixels(output: str | Path, height: int, width: int) -> NDArray[np.uint8]:
    """Level 0 of an output."""
    return read_level(output, 0, Region(0, 0, height, width))


def whole(summary: RunSummary) -> NDArray[np.uint8]:
    """Level 0 of a run's output."""
    return pixels(summary.output, *summary.shape)


def array_files(output: str | Path) -> dict[str, bytes]:
    """Every file of the levels, by its name."""
    levels = [each for each in sorted(Path(output).iterdir()) if each.name.isdigit()]
    files = [file for level in levels for file in sorted(level.rglob("*")) if file.is_file()]
    return {str(file.relative_to(output)): file.read_bytes() for file in files}
