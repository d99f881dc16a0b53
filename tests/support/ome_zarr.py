"""Synthetic slides as OME-Zarr, with every order of the axes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from tests.support.two_shot import Image, halved


def write_ome_zarr(
    path: Path | str,
    planes: Sequence[Image],
    *,
    version: str = "0.5",
    axes: str = "czyx",
    z_um: tuple[float, float] | None = (-0.75, 0.75),
    mpp: float | None = 0.5,
    unit: str = "micrometer",
    levels: int = 2,
    colours: Sequence[str] | None = None,
    dtype: str = "uint8",
    chunk: int = 128,
) -> Path:
    """Write planes of shape (height, width, 3); ``z_um`` are the heights of the first two."""
    per_um = {"micrometer": 1.0, "nanometer": 1e3, "millimeter": 1e-3}[unit]
    group = zarr.open_group(str(path), mode="w", zarr_format=3 if version == "0.5" else 2)
    stack = [np.stack(planes)]  # z, y, x, c
    for _ in range(levels - 1):
        stack.append(np.stack([halved(plane) for plane in stack[-1]]))
    datasets = []
    for number, level in enumerate(stack):
        letters = "zyxc"
        if "z" not in axes:
            level, letters = level[0], "yxc"
        if "t" in axes:
            level, letters = level[np.newaxis], "t" + letters
        if "c" not in axes:
            level, letters = level[..., 0], letters[:-1]
        content = level.transpose([letters.index(axis) for axis in axes]).astype(dtype)
        chunks = tuple(min(size, chunk) if axis in "yx" else 1 for axis, size in zip(axes, content.shape, strict=True))
        array = group.create_array(str(number), shape=content.shape, dtype=dtype, chunks=chunks)
        array[...] = content
        scale = {"z": 1.0, "y": (mpp or 1.0) * per_um * 2**number, "x": (mpp or 1.0) * per_um * 2**number}
        transforms: list[dict[str, Any]] = []
        if z_um is not None:
            scale["z"] = (z_um[1] - z_um[0]) * per_um
        transforms.append({"type": "scale", "scale": [scale.get(axis, 1.0) for axis in axes]})
        if z_um is not None:
            start = {"z": z_um[0] * per_um}
            transforms.append({"type": "translation", "translation": [start.get(axis, 0.0) for axis in axes]})
        datasets.append({"path": str(number), "coordinateTransformations": transforms})
    content_of_group: dict[str, Any] = {"multiscales": [{"axes": _axes(axes, mpp, z_um, unit), "datasets": datasets}]}
    if colours is not None:
        content_of_group["omero"] = {"channels": [{"color": colour} for colour in colours]}
    if version == "0.5":
        content_of_group["version"] = version
        group.attrs["ome"] = content_of_group
    else:
        content_of_group["multiscales"][0]["version"] = version
        group.attrs.update(content_of_group)
    return Path(path)


def _axes(axes: str, mpp: float | None, z_um: tuple[float, float] | None, unit: str) -> list[dict[str, str]]:
    described = []
    for axis in axes:
        entry = {"name": axis, "type": {"c": "channel", "t": "time"}.get(axis, "space")}
        if (axis in "yx" and mpp is not None) or (axis == "z" and z_um is not None):
            entry["unit"] = unit
        described.append(entry)
    return described
