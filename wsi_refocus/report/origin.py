"""Where an output comes from, as lines of a page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from wsi_refocus.report.contents import Contents
from wsi_refocus.report.rendering import number

_POLICIES = {
    "keep-sharper": "Where refocusing could not be vouched for, the sharper shot was written (policy keep-sharper).",
    "flag": "Where refocusing could not be vouched for, the tile is refocused all the same, and flagged (policy flag).",
    "off": "Nothing was measured of how far a tile can be believed (policy off).",
}


def calibration(contents: Contents) -> str:
    """Say what the bounds rest on; that there is no calibration is said, too."""
    trust = contents.part("trust")
    if not trust:
        return (
            "This output says nothing of how far its tiles can be believed: it was made by an older version. "
            "Make it anew to learn it."
        )
    note = _sentence(str(trust.get("calibration_note") or ""))
    known = trust.get("calibration")
    if not isinstance(known, Mapping):
        return (
            f"No calibration for this scanner and method: absolute bounds are absent or not vouched for. {note}".strip()
        )
    held = f"{coverage(contents):.0%} of tiles".replace("%", " %")
    digest = str(known.get("sha256") or "of unknown hash")
    return f"Bounds rest on the calibration {digest[:12]}; they are made to hold in {held}. {note}".strip()


def _sentence(text: str) -> str:
    """A note with a capital in front and a full stop behind."""
    return f"{text[0].upper()}{text[1:].rstrip('.')}." if text else ""


def is_calibrated(contents: Contents) -> bool:
    """Whether the bounds rest on a calibration."""
    return isinstance(contents.part("trust").get("calibration"), Mapping)


def coverage(contents: Contents) -> float:
    """Part of the tiles in which a bound is made to hold."""
    known = contents.part("trust").get("calibration")
    value = known.get("coverage") if isinstance(known, Mapping) else None
    return float(value) if isinstance(value, int | float) else 0.9


def policy(contents: Contents) -> str:
    """What was done with tiles that could not be vouched for."""
    trust = contents.part("trust")
    name, limits = trust.get("policy"), trust.get("limits")
    if name is None:
        return ""
    least = limits.get("gain_bound") if isinstance(limits, Mapping) else None
    held = ""
    if isinstance(least, int | float) and contents.measured("gain_bound").size:
        held = f" The bound of the gain had to reach {number(least, 2, True)} dB."
    return _POLICIES.get(str(name), f"Policy: {name}.") + held


def origin(contents: Contents) -> list[tuple[str, str]]:
    """Names and values of all that the provenance says, for a list."""
    return [(name, value) for name, value in _origin(contents) if value]


def _origin(contents: Contents) -> Iterator[tuple[str, str]]:
    source, planes, method, trust = (contents.part(key) for key in ("source", "planes", "method", "trust"))
    for path, digest in zip(_list(source.get("paths")), _list(source.get("fingerprints")), strict=False):
        yield "Source", f"{path} (fingerprint {digest})"
    yield "Format", _text(source.get("format"))
    yield "Part", _text({key: source.get(key) for key in ("level", "region", "resampled_um") if source.get(key)})
    yield "Notes of the reader", "; ".join(str(each) for each in _list(source.get("notes")))
    yield "Planes", _planes(planes)
    yield "Shift of the second plane", _shift(contents.part("alignment"))
    yield "Grid", _prefixed("of plane ", contents.part("alignment").get("grid_of_plane"))
    yield "Pixel", "" if contents.mpp is None else f"{number(contents.mpp[0], 4)} × {number(contents.mpp[1], 4)} µm"
    yield "Method", _text(method.get("name"))
    yield "Weights", _text(method.get("checkpoint"))
    yield "SHA-256 of the weights", _text(method.get("checkpoint_sha256"))
    yield "SHA-256 of the optics profile", _text(method.get("profile_sha256"))
    assumed = " (assumed: the slide does not say)" if method.get("defocus_offset_assumed") else ""
    yield "ΔD, half the distance of the planes", _prefixed("", method.get("defocus_offset_um"), f" µm{assumed}")
    yield "Pixels that the network knows", _text(method.get("trained_for_mpp"))
    yield "Device", _text(method.get("device"))
    yield "Multiplied in", ", ".join(str(each) for each in _list(method.get("precision")))
    yield "Policy", _text(trust.get("policy"))
    yield "Uncertainty", _text(trust.get("uncertainty"))
    yield "Limits", _text(trust.get("limits"))
    yield "Calibration", _text(trust.get("calibration")) or calibration(contents)
    yield "Settings", _text(contents.provenance.get("settings"))
    yield "Versions", _text({"wsi-refocus": contents.provenance.get("version"), **contents.part("versions")})
    yield "Finished", _text(contents.provenance.get("finished"))
    yield "Time", _prefixed("", contents.provenance.get("seconds"), " s")


def _planes(planes: Mapping[str, Any]) -> str:
    indices = " and ".join(str(each) for each in _list(planes.get("indices")))
    heights = [each for each in _list(planes.get("z_um")) if isinstance(each, int | float)]
    at = f" at {' and '.join(number(each, 2, True) for each in heights)} µm" if heights else ""
    return f"{indices}{at}: {planes.get('reason', '')}" if indices else ""


def _shift(alignment: Mapping[str, Any]) -> str:
    shift = _list(alignment.get("shift_px"))
    if len(shift) != 2:
        return ""
    error = alignment.get("shift_error_px")
    spread = f", standard error {number(error, 3)} px" if isinstance(error, int | float) else ""
    return f"{number(shift[0], 2, True)} px down, {number(shift[1], 2, True)} px to the right{spread}; corrected"


def _text(value: Any) -> str:
    """A value for people: mappings as ``name: value``, nothing for nothing."""
    if value is None or value in ({}, []):
        return ""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_inner(each)}" for key, each in value.items())
    return _inner(value)


def _inner(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _prefixed(before: str, value: Any, after: str = "") -> str:
    return "" if value is None else f"{before}{value}{after}"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
