"""Focal stacks as slides."""

from __future__ import annotations

from pathlib import Path

from tests.support.two_shot import tissue, write_ome_tiff
from wsi_refocus.geometry import Region
from wsi_refocus.simulation.acquisition import draw_slide_acquisition
from wsi_refocus.simulation.simulate import simulate_slide

HEIGHTS = (-1.6, -0.8, 0.0, 0.8, 1.6)
MPP = 0.5


def simulated_stack(folder: Path, seed: int = 1) -> Path:
    """Stack of 540 × 1030 pixels of tissue at `HEIGHTS`, whose planes are shifted and differ in brightness.

    It has two fields of 512 pixels and eight of 256; the sharpest plane of each is that of index 1 or 2.
    """
    path = folder / f"stack-{seed}.ome.tiff"
    focus = write_ome_tiff(folder / "focus.ome.tiff", [tissue((800, 1300), seed=2)], z_um=[0.0], mpp=MPP)
    acquisition = draw_slide_acquisition(HEIGHTS, seed, {"drift_um": 0.0, "phase_per_density": 0.0})
    simulate_slide(focus, path, acquisition, region=Region(250, 250, 540, 1030), quality=95)
    focus.unlink()
    return path
