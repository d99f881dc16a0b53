"""What OME-XML says of the images of an OME-TIFF: size, planes, heights, scale, magnification."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from wsi_refocus.errors import SlideError
from wsi_refocus.geometry import Size
from wsi_refocus.limits import DIRECTORIES
from wsi_refocus.slide.cause import cause
from wsi_refocus.slide.ome_elements import child, parse_safely, tag
from wsi_refocus.slide.ome_pages import other_files, plane_pages
from wsi_refocus.slide.plausible import plausible_mpp
from wsi_refocus.slide.units import to_um

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_MOST_PLANES, _FEW_PLANES = 1_000_000, 100
"""Planes that all images of a document may have together, and that each of them may have in any case."""


@dataclass(frozen=True, slots=True)
class OmeImage:
    """One ``Image`` of an OME document.

    Attributes
    ----------
    name : str
        Its name; empty if it has none.
    size : Size
        Extent in pixels.
    size_z, size_t, size_c : int
        Planes, points of time, and channels of its own (RGB counts as one).
    samples : int
        Samples of a pixel: 3 for RGB.
    pixel_type : str
        Such as ``uint8``.
    pages : tuple of int or None
        Number of the TIFF directory of each plane, for channel 0 and time 0; None where it is said to be in
        another file or nowhere.
    z_um : tuple of float or None
        Height of each plane in µm.
    mpp : tuple of float or None
        µm per pixel (y, x).
    magnification : float or None
        Nominal magnification of the objective.
    notes : tuple of str
        What had to be assumed.
    """

    name: str
    size: Size
    size_z: int
    size_t: int
    size_c: int
    samples: int
    pixel_type: str
    pages: tuple[int | None, ...]
    z_um: tuple[float | None, ...]
    mpp: tuple[float, float] | None
    magnification: float | None
    notes: tuple[str, ...]


def parse_ome_xml(text: str, path: str, pages: int, samples: int = 1) -> list[OmeImage]:
    """Parse the OME-XML of a TIFF.

    Parameters
    ----------
    text
        The document.
    path
        File that it comes from, for messages.
    pages
        Number of top-level directories of the TIFF.
    samples
        Samples of a pixel in its first directory, for channels that do not say theirs.

    Returns
    -------
    list of OmeImage
        In the order of the document.

    Raises
    ------
    SlideError
        If the document is broken, defines entities, describes no image, or its numbers make no sense.
    """
    root = parse_safely(text, path)
    if child(root, "BinaryOnly") is not None:
        raise SlideError(
            f"{path}: its OME-XML lies in another file; convert the slide to a single OME-TIFF, as with bfconvert"
        )
    images = [element for element in root if tag(element) == "Image"]
    if not images:
        raise SlideError(f"{path}: its OME-XML describes no image; export the slide again")
    DIRECTORIES.check(len(images), "images in its OME-XML", path)
    document = _Document(
        path,
        pages,
        samples,
        most=_MOST_PLANES // len(images) + _FEW_PLANES,
        objectives={each.attrib.get("ID"): each for each in root.iter() if tag(each) == "Objective"},
        in_other_file=other_files(root, path),
    )
    try:
        return [_image(image, document) for image in images]
    except (KeyError, ValueError) as error:
        raise SlideError(
            f"{path}: its OME-XML lacks or garbles a value ({cause(error)}); export the slide again"
        ) from error


class _Document(NamedTuple):
    """What all images of a document share."""

    path: str
    pages: int
    samples: int
    most: int
    objectives: dict[str | None, Element]
    in_other_file: Callable[[Element], bool]


def _image(image: Element, document: _Document) -> OmeImage:
    pixels = child(image, "Pixels")
    if pixels is None:
        raise ValueError("an Image without Pixels")
    sizes = {axis: int(pixels.attrib[f"Size{axis}"]) for axis in "XYZCT"}
    if min(sizes.values()) < 1 or sizes["Z"] > min(document.most, DIRECTORIES.value):
        raise ValueError(f"sizes {sizes}")
    channel = child(pixels, "Channel")
    said = None if channel is None else channel.attrib.get("SamplesPerPixel")
    samples = int(said) if said is not None else math.gcd(document.samples, sizes["C"])
    if samples < 1 or sizes["C"] % samples:
        raise ValueError(f"{sizes['C']} channels of {samples} samples")
    sizes["C"] //= samples
    notes: list[str] = []
    z_um = _heights(pixels, sizes["Z"], notes)
    return OmeImage(
        name=image.attrib.get("Name", ""),
        size=Size(sizes["Y"], sizes["X"]),
        size_z=sizes["Z"],
        size_t=sizes["T"],
        size_c=sizes["C"],
        samples=samples,
        pixel_type=pixels.attrib.get("Type", ""),
        pages=plane_pages(pixels, sizes, document.pages, document.most, document.in_other_file),
        z_um=z_um,
        mpp=_mpp(pixels, notes),
        magnification=_magnification(image, document.objectives),
        notes=tuple(notes),
    )


def _heights(pixels: Element, count: int, notes: list[str]) -> tuple[float | None, ...]:
    """Heights from ``Plane PositionZ``, else from ``PhysicalSizeZ``, counted from the first plane."""
    positions: dict[int, float] = {}
    unitless = False
    for plane in (element for element in pixels if tag(element) == "Plane"):
        if int(plane.attrib.get("TheC", 0)) or int(plane.attrib.get("TheT", 0)):
            continue
        height = to_um(plane.attrib.get("PositionZ"), plane.attrib.get("PositionZUnit"))
        if height is not None:
            positions[int(plane.attrib["TheZ"])] = height
            unitless |= "PositionZUnit" not in plane.attrib
    distinct = len(set(positions.values())) == count or count == 1
    if distinct and all(z in positions for z in range(count)):
        if unitless:
            notes.append("PositionZ has no unit in the OME-XML; taken as µm")
        return tuple(positions[z] for z in range(count))
    step = to_um(pixels.attrib.get("PhysicalSizeZ"), pixels.attrib.get("PhysicalSizeZUnit"))
    if step is not None and step > 0 and count > 1:
        if positions:
            notes.append("PositionZ is missing or the same for some planes; heights follow from PhysicalSizeZ")
        return tuple(float(f"{z * step:.12g}") for z in range(count))
    if count > 1:
        notes.append("the OME-XML does not say the heights of the planes; they are unknown")
    return (None,) * count


def _mpp(pixels: Element, notes: list[str]) -> tuple[float, float] | None:
    y, x = (
        to_um(pixels.attrib.get(f"PhysicalSize{axis}"), pixels.attrib.get(f"PhysicalSize{axis}Unit")) for axis in "YX"
    )
    return plausible_mpp(y, x, notes) if y is not None and x is not None and min(y, x) > 0 else None


def _magnification(image: Element, objectives: Mapping[str | None, Element]) -> float | None:
    settings = child(image, "ObjectiveSettings")
    chosen = None if settings is None else objectives.get(settings.attrib.get("ID"))
    if chosen is None and len(objectives) == 1:
        chosen = next(iter(objectives.values()))
    if chosen is None or "NominalMagnification" not in chosen.attrib:
        return None
    value = float(chosen.attrib["NominalMagnification"])
    return value if 0 < value < math.inf else None
