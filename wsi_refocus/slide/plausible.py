"""Scales that no slide has, such as the 72 dots per inch that image programs write."""

from __future__ import annotations

from wsi_refocus.slide.units import to_um

_FINEST, _COARSEST = 0.01, 20.0


def plausible_mpp(y: str | float | None, x: str | float | None, notes: list[str]) -> tuple[float, float] | None:
    """Take over an mpp if it can be a microscope's.

    Parameters
    ----------
    y, x
        µm per pixel as a file says.
    notes
        Receives a sentence if the mpp is ignored.

    Returns
    -------
    tuple of float or None
        µm per pixel (y, x); None if there is none, or none between 0.01 and 20.
    """
    high, wide = to_um(y, None), to_um(x, None)
    if high is None or wide is None:
        return None
    if min(high, wide) >= _FINEST and max(high, wide) <= _COARSEST:
        return high, wide
    notes.append(f"the file says {high:g}, {wide:g} µm per pixel, which no microscope has; taken as unknown")
    return None
