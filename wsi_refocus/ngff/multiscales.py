"""OME-NGFF metadata of an image: axes, levels with their transformations, channels with their colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wsi_refocus.ngff.compressor import Version
from wsi_refocus.ngff.layout import LevelLayout


@dataclass(frozen=True, slots=True)
class Channel:
    """How viewers show a channel.

    Attributes
    ----------
    label : str
        Name.
    color : str
        RGB as six hexadecimal digits.
    low, high : float
        Values shown as black and as the full colour.
    active : bool
        Whether it is shown at first.
    """

    label: str
    color: str
    low: float
    high: float
    active: bool = True


RGB = (
    Channel("Red", "FF0000", 0, 255),
    Channel("Green", "00FF00", 0, 255),
    Channel("Blue", "0000FF", 0, 255),
)
"""Channels of a colour image. The window is the full range: one fitted to the data would falsify colours."""


def image_attributes(
    version: Version,
    name: str,
    levels: Sequence[LevelLayout],
    channels: Sequence[Channel],
    *,
    physical: bool = True,
    method: str | None = None,
) -> dict[str, Any]:
    """Build the attributes of a group that holds an image of the axes (c, y, x).

    Parameters
    ----------
    version
        Version of OME-NGFF.
    name
        Name of the image.
    levels
        Its arrays, which lie in the group under their index.
    channels
        Its channels.
    physical
        Whether scales are in µm; otherwise they are in pixels.
    method
        How one level is made of the one before, in words.

    Returns
    -------
    dict
        Attributes, ready for JSON.
    """
    unit = {"unit": "micrometer"} if physical else {}
    multiscale: dict[str, Any] = {
        "name": name,
        "axes": [
            {"name": "c", "type": "channel"},
            {"name": "y", "type": "space", **unit},
            {"name": "x", "type": "space", **unit},
        ],
        "datasets": [_dataset(level) for level in levels],
    }
    if method is not None:
        multiscale |= {"type": "mean", "metadata": {"description": method}}
    omero = {
        "name": name,
        "channels": [_channel(channel) for channel in channels],
        "rdefs": {"defaultT": 0, "defaultZ": 0, "model": "color"},
    }
    if version == "0.5":
        return {"ome": {"version": version, "multiscales": [multiscale], "omero": omero}}
    return {
        "multiscales": [{"version": version, **multiscale}],
        "omero": {"version": version, **omero},
    }


def has_image(attributes: dict[str, Any]) -> bool:
    """Whether attributes of a group, of either version, describe an image."""
    described = attributes.get("ome", attributes)
    return isinstance(described, dict) and bool(described.get("multiscales"))


def _dataset(level: LevelLayout) -> dict[str, Any]:
    return {
        "path": str(level.index),
        "coordinateTransformations": [
            {"type": "scale", "scale": [1.0, *level.scale]},
            {"type": "translation", "translation": [0.0, *level.translation]},
        ],
    }


def _channel(channel: Channel) -> dict[str, Any]:
    return {
        "label": channel.label,
        "color": channel.color,
        "active": channel.active,
        "coefficient": 1,
        "family": "linear",
        "inverted": False,
        "window": {"min": channel.low, "max": channel.high, "start": channel.low, "end": channel.high},
    }
