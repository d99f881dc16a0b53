"""A slide of 40,000 cells: its page stays small and takes seconds."""

import time
from pathlib import Path

import numpy as np
import pandas as pd

from tests.report.conftest import write_table
from tests.report.pages import Page
from wsi_refocus.geometry import Size
from wsi_refocus.ngff.layout import StoreLayout
from wsi_refocus.ngff.metadata import SlideMetadata, finish_store
from wsi_refocus.ngff.store import create_store
from wsi_refocus.report.page import write_report

EDGE = 200
"""Cells along a side."""


def table_of_many() -> pd.DataFrame:
    """A disc of tissue; every tenth tile of it is kept, at random."""
    generator = np.random.default_rng(0)
    iy, ix = (each.ravel() for each in np.mgrid[:EDGE, :EDGE])
    tissue = np.hypot(iy - EDGE / 2, ix - EDGE / 2) < 0.4 * EDGE
    measures = ("gain_bound", "gain_predicted", "psnr_bound", "drift_um", "change", "shift_y_px", "shift_x_px")
    return pd.DataFrame(
        {"iy": iy, "ix": ix, "y": 512 * iy, "x": 512 * ix, "height": 512, "width": 512, "sharper": 0}
        | {name: np.where(tissue, generator.normal(1, 0.5, tissue.size), np.nan) for name in measures}
        | {"brenner_output": 1.0, "tissue_fraction": np.where(tissue, 1.0, 0.0)}
    ).assign(
        decision=np.where(tissue, np.where(generator.random(tissue.size) < 0.1, "kept", "refocused"), "background"),
        reason="it is one of many",
        written="sharper shot",
    )


def test_many_cells(tmp_path: Path) -> None:
    output = tmp_path / "many.ome.zarr"
    layout = StoreLayout(Size(512 * EDGE, 512 * EDGE), (0.25, 0.25))
    create_store(output, layout)  # no pixels: what is not written is read as black
    table = table_of_many()
    write_table(output, table)
    finish_store(output, layout, SlideMetadata("many.svs", layout.mpp), {"planes": {"indices": [0, 1]}})
    began = time.monotonic()
    file = write_report(output)
    assert time.monotonic() - began < 30  # 2 s on a quiet machine
    assert file.stat().st_size < 3_000_000
    page = Page(file.read_text(encoding="utf-8"))
    assert page.one("b", data_count="kept").text == f"{(table['decision'] == 'kept').sum():,}"
    assert sum(each.attributes.get("class") == "doubtful" for each in page.all("tr")) == 60
    assert "the first 60; all are in the quality table" in page.text
