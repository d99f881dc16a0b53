"""The description of a slide as plain data, for JSON and for printing."""

from __future__ import annotations

from typing import Any

from wsi_refocus.slide.model import SlideInfo


def describe(info: SlideInfo) -> dict[str, Any]:
    """Describe a slide.

    Parameters
    ----------
    info
        What the reader found.

    Returns
    -------
    dict
        Plain numbers, strings and lists: ``paths``, ``format``, ``size`` (height, width), ``levels``,
        ``planes`` with ``z_um``, ``mpp`` (y, x), ``magnification``, ``associated``, ``icc_profile`` (its size in
        bytes), ``fingerprint`` and ``notes``.
    """
    return {
        "paths": list(info.paths),
        "format": info.format,
        "size": list(info.size),
        "levels": [
            {"level": number, "size": list(level.size), "downsample": round(level.downsample, 6)}
            for number, level in enumerate(info.levels)
        ],
        "planes": [{"plane": plane.index, "z_um": plane.z_um} for plane in info.planes],
        "mpp": None if info.mpp is None else list(info.mpp),
        "magnification": info.magnification,
        "associated": list(info.associated),
        "icc_profile": None if info.icc_profile is None else len(info.icc_profile),
        "fingerprint": list(info.fingerprint),
        "notes": list(info.notes),
    }
