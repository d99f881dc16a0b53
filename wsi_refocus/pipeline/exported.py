"""What of a finished output goes into an export: what is known of the slide, and its pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.errors import OutputError
from wsi_refocus.geometry import Region
from wsi_refocus.ngff.files import explained
from wsi_refocus.ngff.metadata import read_provenance
from wsi_refocus.ngff.stored import StoredLevel, open_image
from wsi_refocus.slide.pyramid_tiff_codec import TileCodec
from wsi_refocus.slide.pyramid_tiff_image import PyramidImage


@dataclass(frozen=True, slots=True)
class Exported:
    """An output that is being exported.

    Attributes
    ----------
    folder : Path
        Its folder.
    image : PyramidImage
        What is known of the slide.
    levels : tuple of StoredLevel
        Its pixels.
    """

    folder: Path
    image: PyramidImage
    levels: tuple[StoredLevel, ...]

    @classmethod
    def of(cls, folder: Path, codec: TileCodec) -> Self:
        """Read all but the pixels of a finished output.

        Parameters
        ----------
        folder
            Folder of the output.
        codec
            Compression of the export, which is told with the provenance.

        Raises
        ------
        OutputError
            If the output is damaged.
        """
        provenance = read_provenance(folder)
        contents = provenance.get("slide") or {}
        levels = _opened(folder, "")
        icc_profile = contents.get("icc_profile")
        try:
            mpp = float(contents["mpp"]["y"]), float(contents["mpp"]["x"])
        except (KeyError, TypeError, ValueError):
            raise OutputError(f"{folder}: does not say how large its pixels are; copy the output again") from None
        with explained(folder):
            image = PyramidImage(
                name=str(contents.get("name") or folder.name),
                levels=tuple(level.size for level in levels),
                mpp=mpp,
                description=str(provenance.get("statement", "")),
                provenance={**provenance, "export": {"compression": codec.compression, "quality": codec.quality}},
                magnification=contents.get("magnification"),
                icc_profile=None if icc_profile is None else (folder / icc_profile).read_bytes(),
                extras=_extras(folder, contents.get("associated") or {}),
            )
        return cls(folder, image, levels)

    def read(self, level: int, region: Region) -> NDArray[np.uint8]:
        """Read pixels of a level, of shape (height, width, 3); safe from several threads at once.

        Raises
        ------
        OutputError
            If they are damaged, or a file that holds them is missing.
        """
        return _pixels(self.folder, self.levels[level], region)


def _opened(folder: Path, group: str) -> tuple[StoredLevel, ...]:
    try:
        return open_image(folder, group)
    except OutputError as error:
        raise OutputError(f"{folder}: {error}") from error


def _extras(folder: Path, groups: Mapping[str, Any]) -> dict[str, NDArray[np.uint8]]:
    """Label, macro and other images, whole."""
    levels = {name: _opened(folder, group)[0] for name, group in groups.items()}
    return {name: _pixels(folder, level, Region.whole(level.size)) for name, level in levels.items()}


def _pixels(folder: Path, level: StoredLevel, region: Region) -> NDArray[np.uint8]:
    for name in level.files_of(region):
        if not (folder / name).is_file():  # or it would be read as black
            raise OutputError(f"{folder}: {name} is missing; copy the output again or run with --overwrite")
    try:
        planes = level.read((slice(None), *region.slices))
    except OutputError as error:
        place = f"y={region.y}, x={region.x} of {level.name}"
        raise OutputError(f"{folder}: {place} {error}") from error
    return np.ascontiguousarray(np.moveaxis(planes, 0, -1), np.uint8)
