"""A slide of which some cells are kept, refocused once in every way that tests compare."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.pipeline.judged import Image, options, shots_with_tinted_cells, write_slide
from tests.pipeline.outputs import whole
from wsi_refocus.geometry import Region
from wsi_refocus.pipeline.finish import RECORD
from wsi_refocus.pipeline.planes import OpenPlanes
from wsi_refocus.pipeline.record import RunRecord
from wsi_refocus.pipeline.refocus import refocus_slide
from wsi_refocus.pipeline.summary import RunSummary


@dataclass(frozen=True)
class Judged:
    """A finished run, its record, its pixels and both shots on their grid."""

    summary: RunSummary
    record: RunRecord
    pixels: Image
    shots: tuple[Image, Image]

    @property
    def choice(self) -> NDArray[np.bool_]:
        """Cells in which the second shot is the sharper one."""
        return self.record.decisions().second_is_sharper


@pytest.fixture(scope="session")
def tinted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Slide of four shards, two of whose cells are not believed."""
    return write_slide(tmp_path_factory.mktemp("tinted") / "tinted.ome.tiff", shots_with_tinted_cells())


@pytest.fixture(scope="session")
def judged(tinted: Path, tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """The slide with the two cells given back."""
    summary = refocus_slide(tinted, output=tmp_path_factory.mktemp("judged") / "o.ome.zarr", **options())
    record = RunRecord.from_json(json.loads((Path(summary.output) / RECORD).read_text()))
    with OpenPlanes(record) as planes:
        shots = planes.shots(Region.whole(record.layout.size))
    return Judged(summary, record, whole(summary), shots)


@pytest.fixture(scope="session")
def refocused(tinted: Path, tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The slide with nothing judged: refocused everywhere."""
    output = tmp_path_factory.mktemp("refocused") / "o.ome.zarr"
    return whole(refocus_slide(tinted, output=output, **options(policy="off")))
