"""How long it takes to begin: ``--help``, and a run of the default network on a single tile."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.process_tree import cost_of

SAMPLE = Path("sample_slides/cmu-1-two-shot.ome.tiff")
RUNS = 3


def main() -> None:
    """Run in turns, and print medians."""
    command = Path(sys.executable).parent / "wsi-refocus"
    seconds: dict[str, list[float]] = {"--help": [], "run, one tile of 256 pixels": []}
    with tempfile.TemporaryDirectory() as temporary:
        output = Path(temporary) / "out"
        one = [
            command,
            "run",
            SAMPLE,
            "-o",
            output,
            "--region",
            "512,512,256,256",
            "--policy",
            "off",
            "--no-tissue-mask",
        ]
        one += ["--overwrite", "-q"]
        for _ in range(RUNS):
            for name, arguments in zip(seconds, ([command, "--help"], one), strict=True):
                seconds[name].append(cost_of(arguments).seconds)
    print(f"start-up, whole processes from beginning to end, medians of {RUNS} runs in turn")
    for name, each in seconds.items():
        print(f"  {name:28} {median(each):6.2f} s")
