"""Peak memory of ``--method sharpest``, summed over all processes, on slides of two sizes."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.process_tree import cost_of
from tests.support.two_shot import write_large_ome_tiff

EDGES = (20_000, 40_000)


def main() -> None:
    """Refocus both slides and print peaks and their ratio."""
    peaks = []
    for edge in EDGES:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            slide = write_large_ome_tiff(folder / "slide.ome.tiff", edge)
            command = Path(sys.executable).parent / "wsi-refocus"
            cost = cost_of([command, "run", slide, "-o", folder / "out", "--method", "sharpest", "-q"])
        peaks.append(cost.peak_mb)
        print(f"memory of {edge} × {edge} × 2 planes: {cost.peak_mb:.0f} MiB over all processes, {cost.seconds:.0f} s")
    print(f"  the larger slide takes {peaks[1] / peaks[0]:.2f} times the memory of the smaller")
