"""Transfer functions that an output is blurred with again, for a scanner and a size of pixel."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.optics.profile import OpticsProfile
from wsi_refocus.optics.transfer import weak_object_transfer
from wsi_refocus.quality.consistency import Transfers
from wsi_refocus.quality.cross_spectra import ring_frequencies

FARTHEST_UM, STEP_UM = 6.0, 0.2
"""Heights that are tried, and how far they lie apart."""
NOMINAL_THICKNESS_UM = 1.0
"""Thickness of the section, in µm of stage travel, where no profile says it."""
_GREEN = 1
_FLOOR = 0.1
_MPP_DIGITS = 3


def transfers_for(profile: str | None, mpp: float) -> Transfers:
    """Transfer functions at all heights.

    Parameters
    ----------
    profile
        Path of the scanner's optics profile; None for nominal optics of 0.75 NA.
    mpp
        µm per pixel.

    Raises
    ------
    UsageError
        If the profile cannot be read.
    """
    return _transfers(profile, round(mpp, _MPP_DIGITS))


@lru_cache(maxsize=64)
def _transfers(path: str | None, mpp: float) -> Transfers:
    profile = OpticsProfile() if path is None else OpticsProfile.read(path)
    optics = profile.optics
    if path is None:
        optics = replace(optics, thickness_um=NOMINAL_THICKNESS_UM)
    steps = round(FARTHEST_UM / STEP_UM)
    heights: NDArray[np.float64] = np.arange(-steps, steps + 1) * np.float64(STEP_UM)
    frequencies = ring_frequencies() / mpp
    in_focus = weak_object_transfer(optics, _GREEN, 0.0, frequencies).absorption
    undone = in_focus / (in_focus**2 + _FLOOR**2)
    seen = [weak_object_transfer(optics, _GREEN, float(z) * profile.stage_scale, frequencies) for z in heights]
    return Transfers(
        heights, np.stack([each.absorption * undone for each in seen]), np.stack([each.phase for each in seen])
    )
