"""The memory that an export takes does not grow with the slide."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import openslide
import pytest

from wsi_refocus.geometry import Size
from wsi_refocus.ngff.layout import StoreLayout
from wsi_refocus.ngff.metadata import SlideMetadata, finish_store
from wsi_refocus.ngff.pyramid import write_coarse_levels
from wsi_refocus.ngff.store import create_store, write_shard

BOUND_MB = 75
"""Level 0 alone has 113 MB, or 201 MB."""

EXPORT = """
import re, sys
from pathlib import Path
import openslide, tifffile, zarr
from wsi_refocus.pipeline.export import export_output

def peak():  # of this program alone; getrusage would count what its parent had before it was started
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

before = peak()
export_output(sys.argv[1], sys.argv[2], "deflate")
print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc here")
@pytest.mark.faults
@pytest.mark.parametrize("edge", [6144, 8192])
def test_a_large_slide_takes_little_memory(tmp_path: Path, edge: int) -> None:
    folder = tmp_path / "large.ome.zarr"
    layout = StoreLayout(Size(edge, edge), (0.5, 0.5), compressor="none")
    create_store(folder, layout)
    pixels = np.random.default_rng(1).integers(0, 256, (2048, 2048, 3), np.uint8) & 0xF0
    for index in layout.shards:
        write_shard(folder, layout, index, pixels)
    write_coarse_levels(folder, layout)
    finish_store(folder, layout, SlideMetadata("large", layout.mpp), {"statement": "made of noise"})
    file = tmp_path / "large.ome.tiff"
    ended = subprocess.run(
        [sys.executable, "-c", EXPORT, folder, file], capture_output=True, text=True, check=False, timeout=240
    )
    assert ended.returncode == 0, ended.stderr
    assert float(ended.stdout) < BOUND_MB
    with openslide.OpenSlide(file) as slide:
        assert slide.level_dimensions[0] == (edge, edge)
        found = np.asarray(slide.read_region((2048, edge - 2048), 0, (512, 512)))[..., :3]
    assert np.array_equal(found, pixels[:512, :512])
