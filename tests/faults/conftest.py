"""A slide of many shards, and what an undisturbed run makes of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.faults.processes import arrays_of, run
from tests.support.two_shot import tissue, two_planes, write_ome_tiff

OPTIONS = ["--method", "mean", "--policy", "off", "-q"]


@dataclass(frozen=True)
class Undisturbed:
    """A slide, and how a run ends that nobody touches.

    Attributes
    ----------
    slide : Path
    arrays : dict
        Hashes of the files of its arrays.
    seconds : float
        How long it took.
    """

    slide: Path
    arrays: dict[str, str]
    seconds: float


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """Slide of 3 × 3 shards, the last ones narrow."""
    folder = tmp_path_factory.mktemp("undisturbed")
    part = two_planes(tissue((1100, 1100), seed=5))
    planes = [np.tile(plane, (4, 4, 1)) for plane in part]
    slide = write_ome_tiff(folder / "slide.ome.tiff", planes, mpp=0.5)
    output = folder / "out.ome.zarr"
    began = time.monotonic()
    ended = run("run", slide, "-o", output, "--workers", "2", "--threads", "1", *OPTIONS)
    assert ended.code == 0, ended.said
    return Undisturbed(slide, arrays_of(output), time.monotonic() - began)
