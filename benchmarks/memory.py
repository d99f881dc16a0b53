"""Peak memory of ``--method sharpest``, summed over all processes, on slides of several sizes."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.process_tree import cost_of
from tests.support.two_shot import write_large_ome_tiff

CASES = ((20_000, False), (20_000, True), (40_000, False))
"""Edge in pixels, and whether the slide has a pyramid."""


@dataclass(frozen=True, slots=True)
class Peak:
    """Memory and time of one run.

    Attributes
    ----------
    watched_mb : float
        Largest sum of the resident memory of all processes at one time, in MiB.
    reported_mb : float
        What the run says of itself: the sum of each process's own peak, in MiB.
    seconds : float
        Wall time.
    """

    watched_mb: float
    reported_mb: float
    seconds: float


def main() -> None:
    """Refocus the slides, and print their peaks and the ratio to the first."""
    print("memory of --method sharpest over all processes, two planes")
    first = None
    for edge, pyramid in CASES:
        peak = peak_of(edge, pyramid=pyramid)
        first = first or peak
        kind = "pyramid" if pyramid else "one level"
        print(
            f"  {edge} × {edge}, {kind:9}  {peak.watched_mb:6.0f} MiB ({peak.watched_mb / first.watched_mb:.2f} times; "
            f"the run reports {peak.reported_mb:.0f} MiB), {peak.seconds:.0f} s"
        )


def peak_of(edge: int, *, pyramid: bool = False) -> Peak:
    """Refocus a slide made for this, and delete it.

    Parameters
    ----------
    edge
        Height and width in pixels.
    pyramid
        Whether the slide has smaller levels.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        slide = write_large_ome_tiff(folder / "slide.ome.tiff", edge, pyramid=pyramid)
        command = Path(sys.executable).parent / "wsi-refocus"
        cost = cost_of([command, "run", slide, "-o", folder / "out", "--method", "sharpest", "-q", "--json"])
    summary = json.loads(cost.output.splitlines()[-1])
    return Peak(cost.peak_mb, summary["peak_rss_mb"], cost.seconds)
