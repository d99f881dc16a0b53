"""Small files to damage."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.two_shot import tissue, two_planes, write_ome_tiff
from wsi_refocus.pipeline.refocus import refocus_slide

# the same inputs every time; `make fuzz` is for new ones
settings.register_profile(
    "quick", max_examples=20, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
QUICK = settings.get_profile("quick")


@pytest.fixture(scope="session")
def small_output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished output of one shard, and the slide that it was made of."""
    folder = tmp_path_factory.mktemp("fuzzed")
    slide = write_ome_tiff(folder / "slide.ome.tiff", two_planes(tissue((300, 260), seed=7)), compression="deflate")
    refocus_slide(slide, output=folder / "out.ome.zarr", method="mean", workers=0)
    return folder / "out.ome.zarr"
