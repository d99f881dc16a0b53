"""Lengths in the units that slide formats use, in µm."""

from __future__ import annotations

import math

_UM = {
    "m": 1e6, "meter": 1e6, "metre": 1e6,
    "cm": 1e4, "centimeter": 1e4, "centimetre": 1e4,
    "mm": 1e3, "millimeter": 1e3, "millimetre": 1e3,
    "µm": 1.0, "μm": 1.0, "um": 1.0, "micron": 1.0, "microns": 1.0, "micrometer": 1.0, "micrometre": 1.0,
    "nm": 1e-3, "nanometer": 1e-3, "nanometre": 1e-3,
    "å": 1e-4, "angstrom": 1e-4,
    "pm": 1e-6, "picometer": 1e-6,
    "in": 25_400.0, "inch": 25_400.0,
}  # fmt: skip


def to_um(value: str | float | None, unit: str | None) -> float | None:
    """Convert a length to µm.

    Parameters
    ----------
    value
        The length, as a number or as it stands in a file.
    unit
        Its unit, as abbreviation or written out; None for µm.

    Returns
    -------
    float or None
        The length in µm; None if there is no finite number or the unit is no length (such as ``pixel`` or
        ``reference frame``).
    """
    if value is None:
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    scale = 1.0 if unit is None else _UM.get(unit.strip().lower())
    if scale is None or not math.isfinite(number):
        return None
    # the factors of a unit change leave dust in the last digits: 0.0005 mm is 0.5 µm
    return float(f"{number * scale:.12g}")
