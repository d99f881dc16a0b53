"""What a finished output says of itself, read for its report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wsi_refocus.errors import OutputError
from wsi_refocus.geometry import Region, Size
from wsi_refocus.ngff.metadata import read_provenance, require_finished
from wsi_refocus.ngff.store import read_level
from wsi_refocus.ngff.tables import read_quality
from wsi_refocus.quality.record import Decision

_OVERVIEW_EDGE = 2048
"""Most pixels along a side of the level that overviews are made of."""


@dataclass(frozen=True, slots=True)
class Contents:
    """A finished output.

    Attributes
    ----------
    path : Path
        Its folder.
    table : DataFrame
        Quality table, sorted by row and column of the cells; ``written`` is always there.
    provenance : dict
        Where it comes from.
    size : Size
        Extent of level 0 in pixels.
    units, meanings : mapping of str to str
        Of the table's columns, as far as it tells.
    """

    path: Path
    table: pd.DataFrame
    provenance: Mapping[str, Any]
    size: Size
    units: Mapping[str, str]
    meanings: Mapping[str, str]

    @property
    def name(self) -> str:
        """Name of the slide."""
        return str(self.part("slide").get("name") or self.path.name)

    @property
    def tissue(self) -> pd.DataFrame:
        """Rows of the cells that hold tissue."""
        return self.table[self.table["decision"] != Decision.BACKGROUND.value]

    @property
    def planes(self) -> tuple[int, int] | None:
        """Indices of the plane pair in canonical order, if known."""
        indices = self.part("planes").get("indices")
        return (int(indices[0]), int(indices[1])) if isinstance(indices, list) and len(indices) == 2 else None

    @property
    def mpp(self) -> tuple[float, float] | None:
        """µm per pixel (y, x) of level 0, if known."""
        mpp = self.part("slide").get("mpp")
        return (float(mpp["y"]), float(mpp["x"])) if isinstance(mpp, Mapping) and mpp.get("y") else None

    def part(self, key: str) -> Mapping[str, Any]:
        """Part of the provenance; empty if there is none."""
        value = self.provenance.get(key)
        return value if isinstance(value, Mapping) else {}

    def measured(self, column: str, rows: pd.DataFrame | None = None) -> NDArray[np.float64]:
        """Finite values of a column over the cells with tissue, or over other rows; empty if there is none."""
        chosen = self.tissue if rows is None else rows
        if column not in chosen or not pd.api.types.is_numeric_dtype(chosen[column]):
            return np.empty(0)
        values = np.asarray(chosen[column], np.float64)
        return values[np.isfinite(values)]

    def overview(self) -> NDArray[np.uint8]:
        """The output at a coarse level, RGB with at most 2048 pixels along a side."""
        level, size = 0, self.size
        while max(size) > _OVERVIEW_EDGE:
            level, size = level + 1, size.halved()
        return read_level(self.path, level, Region.whole(size))


def read_contents(output: Path) -> Contents:
    """Read all but the pixels of a finished output.

    Parameters
    ----------
    output
        Folder of the output.

    Raises
    ------
    OutputError
        If the folder does not exist, is unfinished or is something else, or its table cannot be read.
    """
    require_finished(output)
    table = read_quality(output)
    if table.empty:
        raise OutputError(f"{output}: its quality table has no rows; run with --overwrite")
    units, meanings = table.attrs.pop("units"), table.attrs.pop("meanings")  # pandas copies them at every step
    table = table.sort_values(["iy", "ix"], ignore_index=True)
    if "written" not in table:
        # older versions kept the sharper shot wherever they did not refocus
        table["written"] = np.where(table["decision"] == Decision.REFOCUSED.value, "refocused", "sharper shot")
    size = Size(int((table["y"] + table["height"]).max()), int((table["x"] + table["width"]).max()))
    return Contents(output, table, read_provenance(output), size, units, meanings)
