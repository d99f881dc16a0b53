"""What turns the arrays of an output into a slide: metadata, images, provenance, root document."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.errors import OutputError
from wsi_refocus.geometry import Size
from wsi_refocus.ngff.arrays import write_image
from wsi_refocus.ngff.checksums import CHECKSUMS, write_checksums
from wsi_refocus.ngff.compressor import Compressor
from wsi_refocus.ngff.documents import group_documents, read_attributes, write_group
from wsi_refocus.ngff.files import PARTIAL, explained, write_whole
from wsi_refocus.ngff.layout import LevelLayout, StoreLayout
from wsi_refocus.ngff.multiscales import RGB, has_image, image_attributes
from wsi_refocus.ngff.quality_image import QUALITY_GROUP
from wsi_refocus.ngff.reduction import METHOD
from wsi_refocus.ngff.tables import QUALITY_TABLE

ATTRIBUTE = "wsi_refocus"
"""Key of the provenance in the root attributes."""
ASSOCIATED = "associated"
"""Group of the images that go with a slide."""
PHASE_GROUP = "phase"
"""Group of the phase map, if there is one."""
LAST_DOCUMENTS = ("zarr.json", ".zgroup", ".zattrs")
"""What makes a folder an output, in the order in which it comes, after all else; it is the first to go."""
ICC_PROFILE = "profile.icc"
OME_XML = "OME/METADATA.ome.xml"


@dataclass(frozen=True, slots=True)
class SlideMetadata:
    """What is known of the slide beside its pixels.

    Attributes
    ----------
    name : str
        Name of the slide.
    mpp : tuple of float
        µm per pixel (y, x) of level 0.
    magnification : float or None
        Nominal magnification of the objective.
    icc_profile : bytes or None
        ICC profile of the pixels.
    ome_xml : str or None
        OME-XML of the source.
    associated : mapping of str to ndarray
        Label, macro and other images, RGB of shape (height, width, 3), uint8.
    """

    name: str
    mpp: tuple[float, float]
    magnification: float | None = None
    icc_profile: bytes | None = field(default=None, repr=False)
    ome_xml: str | None = field(default=None, repr=False)
    associated: Mapping[str, NDArray[np.uint8]] = field(default_factory=lambda: MappingProxyType({}), repr=False)


def finish_store(path: str | Path, layout: StoreLayout, metadata: SlideMetadata, provenance: Mapping[str, Any]) -> None:
    """Write everything that an output has beside its pixels; the document that makes it a slide comes last.

    The root attributes have OME-NGFF's own metadata and, under ``wsi_refocus``, the provenance with one key
    more: ``slide``, which says what else the output holds and where. All files, those of the root among them,
    have their checksums in ``checksums.json``.

    Parameters
    ----------
    path
        Folder of an output all of whose levels are written.
    layout
        Its arrays.
    metadata
        What is known of the slide.
    provenance
        Where the output comes from; what JSON cannot hold is replaced as in `documents.plain`.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written.
    """
    root = Path(path)
    with explained(path):
        _remove_partial_files(root)
        contents = _write_contents(root, layout, metadata)
        attributes = image_attributes(layout.version, metadata.name, layout.levels, RGB, method=METHOD)
        attributes[ATTRIBUTE] = {**provenance, "slide": contents}
        write_checksums(root, group_documents(layout.version, attributes))
        write_group(root, layout.version, attributes)


def is_finished(path: str | Path) -> bool:
    """Whether a folder is a finished output of this package."""
    attributes = read_attributes(Path(path))
    return attributes is not None and ATTRIBUTE in attributes and has_image(attributes)


def require_finished(path: str | Path) -> None:
    """Refuse what is no finished output.

    Raises
    ------
    OutputError
        If the folder does not exist, is unfinished, or is something else.
    """
    if not Path(path).is_dir():
        raise OutputError(f"{path}: there is no such folder; name the .ome.zarr that `wsi-refocus run` wrote")
    if not is_finished(path):
        raise OutputError(
            f"{path}: is no finished output of wsi-refocus; finish it with the `wsi-refocus run` that began it"
        )


def remove_output(path: str | Path) -> None:
    """Remove an output, its root documents first, so that it does not look finished half-way."""
    for name in reversed(LAST_DOCUMENTS):
        (Path(path) / name).unlink(missing_ok=True)
    shutil.rmtree(path)


def read_provenance(path: str | Path) -> dict[str, Any]:
    """Read where an output comes from.

    Raises
    ------
    OutputError
        If the folder is not a finished output of this package.
    """
    attributes = read_attributes(Path(path))
    if attributes is None or not isinstance(attributes.get(ATTRIBUTE), dict):
        raise OutputError(f"{path}: is not a finished output of wsi-refocus; name the folder of one")
    provenance: dict[str, Any] = attributes[ATTRIBUTE]
    return provenance


def _remove_partial_files(root: Path) -> None:
    """Remove what processes that were killed while they wrote a file have left behind."""
    for file in root.rglob(f"*{PARTIAL}"):
        file.unlink(missing_ok=True)


def _write_contents(root: Path, layout: StoreLayout, metadata: SlideMetadata) -> dict[str, Any]:
    """Write the files and images that go with a slide, and list them."""
    if metadata.icc_profile is not None:
        write_whole(root / ICC_PROFILE, metadata.icc_profile)
    if metadata.ome_xml is not None:
        write_whole(root / OME_XML, metadata.ome_xml.encode("utf-8"))
    return {
        "name": metadata.name,
        "mpp": {"y": metadata.mpp[0], "x": metadata.mpp[1]},
        "magnification": metadata.magnification,
        "icc_profile": None if metadata.icc_profile is None else ICC_PROFILE,
        "source_ome_xml": None if metadata.ome_xml is None else OME_XML,
        "associated": _write_associated(root, layout, metadata.associated),
        "quality_table": QUALITY_TABLE if (root / QUALITY_TABLE).is_file() else None,
        "phase": PHASE_GROUP if read_attributes(root / PHASE_GROUP) is not None else None,
        "quality_image": QUALITY_GROUP if read_attributes(root / QUALITY_GROUP) is not None else None,
        "checksums": CHECKSUMS,
    }


def _write_associated(root: Path, layout: StoreLayout, images: Mapping[str, NDArray[np.uint8]]) -> dict[str, str]:
    """Write each image as an OME-Zarr of one level; returns their names and folders."""
    folders: dict[str, str] = {}
    for name, pixels in images.items():
        folder = f"{ASSOCIATED}/{_folder_name(name, taken=folders.values())}"
        size = Size(*pixels.shape[:2])
        # how large a pixel of a label or macro image is, is not known: its scale is one pixel
        level = LevelLayout(0, size, (1.0, 1.0), (0.0, 0.0), layout.chunk, layout.chunk)
        write_image(
            root / folder,
            level,
            np.ascontiguousarray(np.moveaxis(pixels, -1, 0)),
            channels_in_chunk=3,
            version=layout.version,
            compressor=Compressor.parse(layout.compressor),
        )
        attributes = image_attributes(layout.version, name, [level], RGB, physical=False)
        write_group(root / folder, layout.version, attributes)
        folders[name] = folder
    if folders:
        write_group(root / ASSOCIATED, layout.version, {})
    return folders


def _folder_name(name: str, taken: Collection[str]) -> str:
    """Name of a folder for an image: letters, digits, dot, dash and underscore, and not one that is taken."""
    plain_name = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._") or "image"
    candidate, number = plain_name, 2
    while f"{ASSOCIATED}/{candidate}" in taken:
        candidate, number = f"{plain_name}_{number}", number + 1
    return candidate
