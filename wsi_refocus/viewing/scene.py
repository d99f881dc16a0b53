"""From an output on disk to what a viewer is shown."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wsi_refocus.errors import OutputError, RefocusError
from wsi_refocus.geometry import Region
from wsi_refocus.ngff.metadata import is_finished, read_provenance
from wsi_refocus.slide.open import SlideSpec
from wsi_refocus.slide.window import WindowedSource
from wsi_refocus.viewing.neuroglancer import Measure, Scene
from wsi_refocus.viewing.server import FolderMount, Mount, StoreServer
from wsi_refocus.viewing.virtual_zarr import PlaneMount

logger = logging.getLogger(__name__)

RESULT = "result"


def require_finished(output: Path) -> None:
    """Refuse what is no finished output.

    Raises
    ------
    OutputError
        If the folder does not exist, is unfinished, or is something else.
    """
    if not output.is_dir():
        raise OutputError(f"{output}: there is no such folder; name the .ome.zarr that `wsi-refocus run` wrote")
    if not is_finished(output):
        raise OutputError(
            f"{output}: is no finished output of wsi-refocus; finish it with the `wsi-refocus run` that began it"
        )


@contextlib.contextmanager
def served_scene(output: Path, port: int = 0) -> Iterator[tuple[StoreServer, Scene]]:
    """Serve an output and the planes it was made of.

    Parameters
    ----------
    output
        Folder of a finished output.
    port
        Port of the server; 0 for a free one.

    Yields
    ------
    server : StoreServer
        Serves until the context ends.
    scene : Scene
        What to show.

    Raises
    ------
    OutputError
        If the output is not finished.
    """
    require_finished(output)
    provenance = read_provenance(output)
    with contextlib.ExitStack() as stack:
        mounts: dict[str, Mount] = {RESULT: FolderMount(output)}
        planes = _mount_planes(provenance, mounts, stack)
        server = stack.enter_context(StoreServer(mounts, port))
        yield server, _scene(output, server.address, planes)


def _mount_planes(provenance: dict[str, Any], mounts: dict[str, Mount], stack: contextlib.ExitStack) -> list[str]:
    """Mount the input planes where their files still are; returns their names."""
    source, names = provenance["source"], []
    settings = provenance["settings"]
    try:
        slide = SlideSpec(tuple(source["paths"]), settings["mpp"]).open()
        region = None if source["region"] is None else Region(*source["region"])
        window = stack.enter_context(WindowedSource(slide, source["level"], region))
    except RefocusError as error:
        logger.warning("the input planes are not shown: %s", error)
        return []
    for plane in provenance["planes"]["indices"]:
        name = f"plane-{plane}"
        mounts[name] = PlaneMount(window, plane)
        names.append(name)
    return names


def _scene(output: Path, address: str, planes: list[str]) -> Scene:
    image = _attributes(output)
    scale = image["multiscales"][0]["datasets"][0]["coordinateTransformations"][0]["scale"]
    quality = _attributes(output / "quality")
    cell = quality["multiscales"][0]["datasets"][0]["coordinateTransformations"][0]["scale"]
    measures = [
        Measure(channel["label"], channel["window"]["start"], channel["window"]["end"])
        for channel in quality["omero"]["channels"]
    ]
    return Scene(
        result=f"{address}/{RESULT}/",
        shots=[(name, f"{address}/{name}/") for name in planes],
        quality=f"{address}/{RESULT}/quality/",
        measures=measures,
        mpp=(scale[1], scale[2]),
        cell_um=(cell[1], cell[2]),
        size=_shape(output),
    )


def _attributes(group: Path) -> dict[str, Any]:
    """OME attributes of a group of either version."""
    if (group / "zarr.json").is_file():
        attributes: dict[str, Any] = json.loads((group / "zarr.json").read_text())["attributes"]["ome"]
    else:
        attributes = json.loads((group / ".zattrs").read_text())
    return attributes


def _shape(output: Path) -> tuple[int, int]:
    document = next(path for path in (output / "0" / "zarr.json", output / "0" / ".zarray") if path.is_file())
    _, height, width = json.loads(document.read_text())["shape"]
    return height, width
