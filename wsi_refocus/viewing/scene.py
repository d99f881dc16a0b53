"""From an output on disk to what a viewer is shown."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wsi_refocus.errors import RefocusError, SlideError
from wsi_refocus.geometry import Region
from wsi_refocus.ngff.documents import read_attributes
from wsi_refocus.ngff.metadata import read_provenance, require_finished
from wsi_refocus.ngff.quality_image import NOT_MEASURED, QUALITY_GROUP
from wsi_refocus.slide.open import SlideSpec
from wsi_refocus.slide.resampled import ResampledSource
from wsi_refocus.slide.source import SlideSource
from wsi_refocus.slide.window import WindowedSource
from wsi_refocus.viewing.mounts import FolderMount, Mount
from wsi_refocus.viewing.neuroglancer import Measure, Scene
from wsi_refocus.viewing.server import StoreServer
from wsi_refocus.viewing.virtual_zarr import PlaneMount

logger = logging.getLogger(__name__)

RESULT = "result"


@contextlib.contextmanager
def served_store(output: Path, port: int = 0) -> Iterator[str]:
    """Serve an output alone, for any viewer.

    Parameters
    ----------
    output
        Folder of a finished output.
    port
        Port of the server; 0 for a free one.

    Yields
    ------
    str
        Address of the output, while the context lasts.

    Raises
    ------
    OutputError
        If the output is not finished.
    UsageError
        If the port cannot be used.
    """
    require_finished(output)
    with StoreServer({RESULT: FolderMount(output)}, port) as server:
        yield f"{server.address}/{RESULT}/"


@contextlib.contextmanager
def served_scene(output: Path, port: int = 0) -> Iterator[Scene]:
    """Serve an output and the planes it was made of.

    Planes whose file is gone or has changed are left out, with a warning.

    Parameters
    ----------
    output
        Folder of a finished output.
    port
        Port of the server; 0 for a free one.

    Yields
    ------
    Scene
        What to show, while the context lasts.

    Raises
    ------
    OutputError
        If the output is not finished.
    UsageError
        If the port cannot be used.
    """
    require_finished(output)
    with contextlib.ExitStack() as stack:
        mounts: dict[str, Mount] = {RESULT: FolderMount(output)}
        planes = _mount_planes(read_provenance(output), mounts, stack)
        server = stack.enter_context(StoreServer(mounts, port))
        yield _scene(output, server.address, planes)


def _mount_planes(provenance: dict[str, Any], mounts: dict[str, Mount], stack: contextlib.ExitStack) -> list[str]:
    """Mount the input planes where their files still are; returns their names."""
    try:
        source = stack.enter_context(_source_of(provenance))
    except RefocusError as error:
        logger.warning("the input planes are not shown: %s", error)
        return []
    names = []
    for plane in provenance["planes"]["indices"]:
        name = f"plane-{plane}"
        mounts[name] = PlaneMount(source, plane, _offset(provenance, plane))
        names.append(name)
    return names


def _source_of(provenance: dict[str, Any]) -> SlideSource:
    """Open the part of the slide that an output was made of.

    Raises
    ------
    SlideError
        If it is no longer there, or no longer the same.
    """
    source = provenance["source"]
    spec = SlideSpec(tuple(source["paths"]), provenance["settings"]["mpp"])
    if list(spec.fingerprint()) != source["fingerprints"]:
        raise SlideError(f"{' and '.join(spec.paths)}: changed since the run; put the slide back to see its planes")
    region = None if source["region"] is None else Region(*source["region"])
    with contextlib.ExitStack() as opening:
        slide = opening.enter_context(spec.open())
        seen: SlideSource = WindowedSource(slide, source["level"], region)
        if source.get("resampled_um") is not None:
            seen = ResampledSource(seen, source["resampled_um"])
        opening.pop_all()
    return seen


def _offset(provenance: dict[str, Any], plane: int) -> tuple[float, float]:
    """How far (y, x) in pixels a plane has to be moved to lie on the output's grid, as a whole."""
    alignment = provenance["alignment"]
    if plane == alignment["grid_of_plane"]:
        return 0.0, 0.0
    # what lies at p of the first plane lies at p + shift of the second
    sign = 1.0 if plane == provenance["planes"]["indices"][0] else -1.0
    shift_y, shift_x = alignment["shift_px"]
    return sign * shift_y, sign * shift_x


def _scene(output: Path, address: str, planes: list[str]) -> Scene:
    spacing = _spacing(_attributes(output))
    quality = _attributes(output / QUALITY_GROUP)
    channels = quality["omero"]["channels"] if quality else []
    told = (read_attributes(output / QUALITY_GROUP) or {}).get("quality", {})
    return Scene(
        result=f"{address}/{RESULT}/",
        shots=[(name, f"{address}/{name}/") for name in planes],
        quality=f"{address}/{RESULT}/{QUALITY_GROUP}/" if quality else None,
        measures=[Measure(each["label"], each["window"]["start"], each["window"]["end"]) for each in channels],
        mpp=spacing,
        cell_um=_spacing(quality) if quality else spacing,
        size=_shape(output),
        not_measured=float(told.get("not_measured", NOT_MEASURED)),
    )


def _attributes(group: Path) -> dict[str, Any]:
    """OME attributes of a group of either version; none if the group is not whole."""
    attributes = read_attributes(group) or {}
    content: dict[str, Any] = attributes.get("ome", attributes)
    return content


def _spacing(image: dict[str, Any]) -> tuple[float, float]:
    """µm per pixel (y, x) of an image's finest level."""
    _, y, x = image["multiscales"][0]["datasets"][0]["coordinateTransformations"][0]["scale"]
    return y, x


def _shape(output: Path) -> tuple[int, int]:
    document = next(path for path in (output / "0" / "zarr.json", output / "0" / ".zarray") if path.is_file())
    _, height, width = json.loads(document.read_text())["shape"]
    return height, width
