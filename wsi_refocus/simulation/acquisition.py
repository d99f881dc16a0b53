"""What is drawn for a simulated scan of a whole slide."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from wsi_refocus.optics.scanner import Acquisition, draw_acquisition
from wsi_refocus.simulation.fields import Topography


@dataclass(frozen=True, slots=True)
class Pass:
    """One focal plane as it was taken.

    Attributes
    ----------
    z_um : float
        Height of the plane over the initial focal plane, as the stage says.
    shift_px : tuple of float
        Shift (y, x) of the content.
    scale : float
        Size of the content over that in focus.
    gain : tuple of float
        Brightness for red, green and blue.
    """

    z_um: float
    shift_px: tuple[float, float] = (0.0, 0.0)
    scale: float = 1.0
    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)


_SET_BY_PASSES = ("defocus_offset_um", "tilt_um", "topography_um", "topography_px", "shift_px", "gain", "jpeg_quality")


@dataclass(frozen=True, slots=True)
class SlideAcquisition:
    """Everything that decides what a simulated slide looks like.

    Attributes
    ----------
    camera : Acquisition
        Optics, phase, drift and noise; where the planes lie and how they are moved is said by the passes.
    topography : Topography
        Height of the section.
    passes : tuple of Pass
        The focal planes, lowest first.
    """

    camera: Acquisition
    topography: Topography
    passes: tuple[Pass, ...]

    def record(self) -> dict[str, Any]:
        """Everything that was used of it, for provenance."""
        content = asdict(self)
        for name in _SET_BY_PASSES:
            del content["camera"][name]
        return content


def draw_slide_acquisition(z_um: tuple[float, ...], seed: int, changes: dict[str, Any]) -> SlideAcquisition:
    """Draw a scan.

    Optics and noise from the ranges of `draw_acquisition`, with the weak-object model; topography of 0.2-0.8 µm and
    0.5-2 mm; tilt N(0, 0.3 µm per mm); every plane but the first shifted by N(0, 1.5 px), scaled by N(1, 0.0003), at
    most 0.001 off, and brighter by N(1, 0.015).

    Parameters
    ----------
    z_um
        Heights of the planes.
    seed
        Seed of everything random.
    changes
        Fields of `Acquisition` that are given instead of drawn.
    """
    generator = np.random.default_rng(seed)
    drawn = draw_acquisition(generator)
    camera = replace(drawn, model="weak", seed=seed, **changes)
    topography = Topography(
        float(generator.uniform(0.2, 0.8)),
        float(generator.uniform(500, 2000)),
        (float(generator.normal(0, 0.3)), float(generator.normal(0, 0.3))),
        seed,
    )
    passes = [Pass(z_um[0])]
    for z in z_um[1:]:
        dy, dx = (float(each) for each in generator.normal(0, 1.5, 2))
        scale = 1 + float(np.clip(generator.normal(0, 0.0003), -0.001, 0.001))
        red, green, blue = (float(each) for each in generator.normal(1, 0.015, 3))
        passes.append(Pass(z, (dy, dx), scale, (red, green, blue)))
    return SlideAcquisition(camera, topography, tuple(passes))
