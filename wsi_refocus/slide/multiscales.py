"""What the ``multiscales`` of an OME-Zarr group say: axes, datasets, scale and position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wsi_refocus.errors import SlideError
from wsi_refocus.limits import MAX_LEVELS
from wsi_refocus.slide.cause import cause
from wsi_refocus.slide.units import to_um

_COLOURS = ("FF0000", "00FF00", "0000FF")


@dataclass(frozen=True, slots=True)
class Multiscales:
    """The image of an OME-Zarr group.

    Attributes
    ----------
    version : str
        Of OME-NGFF.
    axes : str
        Letters of the axes in their order, such as ``czyx``.
    datasets : tuple of str
        Paths of the levels in the group, finest first.
    mpp : tuple of float or None
        µm per pixel (y, x) of level 0.
    z_step_um : float or None
        µm between two planes.
    z_start_um : float
        Height of the first plane in µm.
    """

    version: str
    axes: str
    datasets: tuple[str, ...]
    mpp: tuple[float, float] | None
    z_step_um: float | None
    z_start_um: float


def parse_multiscales(attributes: Mapping[str, Any], path: str) -> Multiscales:
    """Parse the attributes of a group, of OME-NGFF 0.4 or 0.5.

    Raises
    ------
    SlideError
        If they describe no image, or one without y and x, of several points of time, or of fluorescence.
    """
    content = attributes.get("ome", attributes)
    try:
        multiscale = content["multiscales"][0]
        axes = [axis if isinstance(axis, dict) else {"name": axis} for axis in multiscale["axes"]]
        names = "".join(str(axis["name"]).lower() for axis in axes)
        datasets = tuple(str(dataset["path"]) for dataset in multiscale["datasets"])
        scale, start = _transforms(multiscale, len(axes))
        version = str(content.get("version") or multiscale.get("version") or "0.4")
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise SlideError(
            f"{path}: its OME-Zarr metadata describe no image ({cause(error)}); name the group that holds the image"
        ) from error
    if not datasets or set(names) - set("tczyx") or len(set(names)) < len(names) or not set("yx") <= set(names):
        raise SlideError(f"{path}: its image has the axes {names or 'none'}; y, x, c and at most z, t are read")
    _check_datasets(datasets, path)
    _check_colours(content, path)
    lengths: dict[str, tuple[float | None, float]] = {}
    for axis, factor, offset in zip(axes, scale, start, strict=True):
        unit = None if axis.get("unit") is None else str(axis["unit"])
        step = to_um(factor, unit) if unit is not None else None
        lengths[str(axis["name"]).lower()] = step, to_um(offset, unit) or 0.0
    mpp = lengths["y"][0], lengths["x"][0]
    return Multiscales(
        version=version,
        axes=names,
        datasets=datasets,
        mpp=(mpp[0], mpp[1]) if mpp[0] and mpp[1] and min(mpp[0], mpp[1]) > 0 else None,
        z_step_um=lengths.get("z", (None, 0.0))[0],
        z_start_um=lengths.get("z", (None, 0.0))[1],
    )


def _check_datasets(datasets: Sequence[str], path: str) -> None:
    """Refuse levels outside the group, and more of them than a pyramid has."""
    if len(datasets) > MAX_LEVELS:
        raise SlideError(f"{path}: lists {len(datasets)} levels, which no pyramid has; copy the store again")
    for name in datasets:
        if not name or set(name.split("/")) & {"", ".", ".."} or "\\" in name or "\0" in name:
            raise SlideError(
                f"{path}: its level {name[:80]!r} would lie outside of the store, which is refused as unsafe; "
                "export the slide again"
            )


def _transforms(multiscale: Mapping[str, Any], count: int) -> tuple[list[float], list[float]]:
    """Scale and translation of level 0: those of its dataset, then those of the image as a whole."""
    scale, start = [1.0] * count, [0.0] * count
    for transforms in (
        multiscale["datasets"][0].get("coordinateTransformations", ()),
        multiscale.get("coordinateTransformations", ()),
    ):
        for transform in transforms:
            factors = _numbers(transform, "scale", count)
            if factors is not None:
                scale = [a * b for a, b in zip(scale, factors, strict=True)]
                start = [a * b for a, b in zip(start, factors, strict=True)]
            offsets = _numbers(transform, "translation", count)
            if offsets is not None:
                start = [a + b for a, b in zip(start, offsets, strict=True)]
    return scale, start


def _numbers(transform: Mapping[str, Any], kind: str, count: int) -> Sequence[float] | None:
    if transform.get("type") != kind or kind not in transform:
        return None
    values = [float(value) for value in transform[kind]]
    if len(values) != count:
        raise ValueError(f"a {kind} of {len(values)} numbers for {count} axes")
    return values


def _check_colours(content: Mapping[str, Any], path: str) -> None:
    """Refuse channels that are shown in colours of their own: three dyes are no RGB."""
    omero = content.get("omero")
    channels = omero.get("channels", ()) if isinstance(omero, Mapping) else ()
    colours = tuple(str(channel.get("color", "")).upper() for channel in channels if isinstance(channel, Mapping))
    if len(colours) == 3 and all(colours) and colours != _COLOURS:
        raise SlideError(
            f"{path}: its channels are coloured {', '.join(colours)}, as in fluorescence; "
            "only 8-bit RGB brightfield slides can be refocused"
        )
