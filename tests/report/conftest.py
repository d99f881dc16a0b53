"""Real outputs of a small slide with a hostile name: as they are written, and with all that trust measures."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.support.two_shot import tissue, two_planes, write_ome_tiff
from wsi_refocus.ngff.tables import read_quality, write_quality
from wsi_refocus.pipeline.refocus import refocus_slide
from wsi_refocus.quality.record import COLUMNS

NAME = "<img src=x onerror=alert(1)>&\"'{{ 7*7 }}.ome.tiff"
TRUST = (
    "written", "z_first_um", "z_second_um", "drift_um", "spacing_um", "chi2_first", "chi2_second", "unvouched",
    "disagreement", "network_disagreement", "haematoxylin_change", "eosin_change", "change", "psnr_predicted",
    "psnr_bound", "gain_predicted", "gain_bound",
)  # fmt: skip


@pytest.fixture(scope="session")
def hostile_slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shots of 1200 × 2000 pixels, twelve cells; the left and top edges are glass."""
    planes = two_planes(tissue((1200, 2000), seed=4), blurs=(0.7, 1.7), shift=(2.0, -1.0))
    return write_ome_tiff(tmp_path_factory.mktemp("hostile") / NAME, planes, compression="deflate")


@pytest.fixture(scope="session")
def made(hostile_slide: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A refocused slide, as a run writes it."""
    output = tmp_path_factory.mktemp("report") / "made.ome.zarr"
    refocus_slide(hostile_slide, output=output, method="mean", workers=0)
    return output


@pytest.fixture
def measured(made: Path, tmp_path: Path) -> Path:
    """The same with all measures of trust: one tile kept, one flagged but written refocused."""
    output = tmp_path / "measured.ome.zarr"
    shutil.copytree(made, output)
    write_table(output, with_trust(read_quality(output)))
    trust = {
        "policy": "keep-sharper",
        "uncertainty": "evidence",
        "limits": {"chi2": 3.0, "gain_bound": -1.0},
        "calibration": {"sha256": "c0ffee" * 10, "coverage": 0.9},
        "calibration_note": "Made on <simulated> slides.",
    }
    edit_provenance(output, trust=trust)
    return output


@pytest.fixture
def older(made: Path, tmp_path: Path) -> Path:
    """The same as an older version wrote it: no measures of trust, no record of the run."""
    output = tmp_path / "older.ome.zarr"
    shutil.copytree(made, output)
    table = read_quality(output)
    write_table(output, table.drop(columns=[name for name in TRUST if name in table]))
    (output / "run.json").unlink()
    edit_provenance(output, trust=None)
    return output


def with_trust(table: pd.DataFrame) -> pd.DataFrame:
    """Plausible measures for every cell with tissue; the last two of these are kept and flagged."""
    table = table.copy()
    generator = np.random.default_rng(1)
    seen = table["decision"] == "refocused"
    for name in TRUST[1:]:
        table[name] = np.where(seen, generator.uniform(0.1, 2.0, len(table)), np.nan)
    table["gain_bound"] = table["gain_predicted"] - 1.0
    table["drift_um"] = np.where(seen, 0.3 * table["iy"] - 0.1 * table["ix"] - 0.2, np.nan)
    table["written"] = np.where(seen, "refocused", "sharper shot")
    kept, flagged = table.index[seen][-1], table.index[seen][-2]
    table.loc[kept, ["decision", "written", "reason"]] = ["kept", "sharper shot", "the <gain> may be negative"]
    table.loc[flagged, ["decision", "reason"]] = ["flagged", "does not explain the first shot"]
    return table


def write_table(output: Path, table: pd.DataFrame) -> None:
    write_quality(output, table, {name: tuple(column) for name, column in COLUMNS.items()})


def edit_provenance(output: Path, **changes: Any) -> None:
    """Set keys of the provenance; None removes one."""
    document = json.loads((output / "zarr.json").read_text())
    provenance = document["attributes"]["wsi_refocus"]
    for key, value in changes.items():
        provenance.pop(key, None)
        if value is not None:
            provenance[key] = value
    (output / "zarr.json").write_text(json.dumps(document))
