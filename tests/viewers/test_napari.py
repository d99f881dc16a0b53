"""The sample's result through the reader that napari uses, in an environment of its own."""

import json
import subprocess
from pathlib import Path

import pytest

from wsi_refocus.geometry import Region
from wsi_refocus.ngff.store import read_level

pytestmark = [pytest.mark.viewers, pytest.mark.timeout(300)]

PYTHON = Path(__file__).parent / "napari" / "bin" / "python"
READ_IN_NAPARI = """
import json, sys
import numpy as np
from napari_ome_zarr import napari_get_reader
layers = napari_get_reader(sys.argv[1])(sys.argv[1])
data, keywords, kind = layers[0]
first = data[0] if isinstance(data, list) else data
print(json.dumps({"kind": kind, "shape": list(first.shape), "levels": len(data), "axis": keywords.get("channel_axis"),
  "scale": [float(each) for each in keywords["scale"]], "mean": float(np.asarray(data[-1]).mean())}))
"""


def test_napari_reads_the_result(output: Path) -> None:
    done = subprocess.run([PYTHON, "-c", READ_IN_NAPARI, output], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    read = json.loads(done.stdout.splitlines()[-1])
    assert (read["kind"], read["shape"], read["levels"], read["axis"]) == ("image", [3, 2967, 2220], 4, 0)
    assert read["scale"] == pytest.approx([0.499, 0.499])
    assert read["mean"] == pytest.approx(read_level(output, 3, Region(0, 0, 371, 278)).mean(), abs=1)
