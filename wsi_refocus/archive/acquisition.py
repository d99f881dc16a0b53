"""How many planes a file has, and, if it is one, of which acquisition."""

from __future__ import annotations

from dataclasses import dataclass

from wsi_refocus.errors import RefocusError
from wsi_refocus.slide.model import SlideInfo
from wsi_refocus.slide.ome_elements import child, parse_safely
from wsi_refocus.slide.open import SlideSpec


@dataclass(frozen=True, slots=True)
class Look:
    """What a look into a file showed.

    Attributes
    ----------
    planes : int
        Focal planes.
    acquisition : tuple or None
        What the files of one acquisition have in common; None if the file does not say.
    z_um : float or None
        Height of the only plane in µm.
    source : str
        What says so.
    """

    planes: int
    acquisition: tuple[object, ...] | None = None
    z_um: float | None = None
    source: str = "OME metadata"


def look_into(path: str) -> Look | RefocusError:
    """Look into a file; if it cannot be opened, give the reason instead of raising it."""
    try:
        with SlideSpec((path,)).open() as source:
            info = source.info
            if len(info.planes) > 1:
                return Look(len(info.planes))
            return Look(1, _acquisition(info), info.planes[0].z_um)
    except RefocusError as error:
        return error


def _acquisition(info: SlideInfo) -> tuple[object, ...] | None:
    """Name and date of the image, extent and scale, by the OME-XML."""
    if info.ome_xml is None:
        return None
    image = child(parse_safely(info.ome_xml, info.paths[0]), "Image")
    if image is None or not image.attrib.get("Name"):
        return None
    date = child(image, "AcquisitionDate")
    return (image.attrib["Name"], None if date is None else date.text, info.size, info.mpp)
