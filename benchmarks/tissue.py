"""Empty glass costs next to nothing: a run on a slide that is tissue all over, and on one that is for three tenths."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.process_tree import cost_of
from tests.support.two_shot import write_large_ome_tiff

EDGE = 8192
SHARES = (1.0, 0.3)
RUNS = 2


def main() -> None:
    """Run in turns, and print medians and their ratio."""
    command = Path(sys.executable).parent / "wsi-refocus"
    seconds: dict[float, list[float]] = {share: [] for share in SHARES}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        slides = {share: write_large_ome_tiff(folder / f"{share}.ome.tiff", EDGE, share=share) for share in SHARES}
        for _ in range(RUNS):
            for share, slide in slides.items():
                options = ["-o", folder / "out", "--overwrite", "--policy", "off", "-q"]
                seconds[share].append(cost_of([command, "run", slide, *options]).seconds)
    whole, part = (median(seconds[share]) for share in SHARES)
    print(f"tsva-lite on {EDGE} × {EDGE}, medians of {RUNS} runs in turn")
    print(f"  all tissue {whole:.1f} s; three tenths of it {part:.1f} s: {part / whole:.1%} of the time")
