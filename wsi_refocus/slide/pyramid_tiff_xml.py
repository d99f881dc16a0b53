"""OME-XML of a pyramidal TIFF, and the provenance in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from wsi_refocus.errors import SlideError
from wsi_refocus.geometry import Size
from wsi_refocus.slide.ome_elements import parse_safely, tag
from wsi_refocus.slide.pyramid_tiff_image import PyramidImage

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_SCHEMA = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
_NAMESPACE = "wsi-refocus/provenance"
_ANNOTATION = "Annotation:0"
_UNPRINTABLE = dict.fromkeys(set(range(32)) - {9, 10, 13}) | dict.fromkeys((*range(0xD800, 0xE000), 0xFFFE, 0xFFFF))
"""Characters that XML does not have."""


def pyramid_xml(image: PyramidImage) -> bytes:
    """Describe a slide and the images that go with it, which lie in the TIFF in this order.

    Parameters
    ----------
    image
        The slide.

    Returns
    -------
    bytes
        OME-XML of the schema 2016-06, in UTF-8.
    """
    root = ElementTree.Element("OME", xmlns=_SCHEMA, Creator="wsi-refocus")
    if image.magnification is not None:
        instrument = _add(root, "Instrument", ID="Instrument:0")
        _add(instrument, "Objective", ID="Objective:0", NominalMagnification=f"{image.magnification:g}")
    _add_image(root, 0, image.name, image.levels[0], image)
    for index, (name, pixels) in enumerate(image.extras.items(), start=1):
        _add_image(root, index, name, Size(*pixels.shape[:2]))
    annotations = _add(root, "StructuredAnnotations")
    comment = _add(annotations, "CommentAnnotation", ID=_ANNOTATION, Namespace=_NAMESPACE)
    _add(comment, "Description").text = "Where the pixels come from, as JSON"
    _add(comment, "Value").text = json.dumps(image.provenance, allow_nan=False)  # ASCII, or it might not be XML
    document: bytes = ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return document


def provenance_in(xml: str, path: str) -> dict[str, Any]:
    """Read the provenance that `pyramid_xml` wrote.

    Parameters
    ----------
    xml
        OME-XML of a TIFF.
    path
        File that it comes from, for messages.

    Raises
    ------
    SlideError
        If there is none.
    """
    for element in parse_safely(xml, path).iter():
        if tag(element) == "CommentAnnotation" and element.attrib.get("Namespace") == _NAMESPACE:
            value = next((each.text for each in element if tag(each) == "Value"), None)
            try:
                content = json.loads(value or "")
            except ValueError:
                break
            if isinstance(content, dict):
                return content
    raise SlideError(f"{path}: holds no provenance of wsi-refocus; export the slide again")


def _add(parent: Element, name: str, **attributes: str) -> Element:
    return ElementTree.SubElement(parent, name, {key: _printable(value) for key, value in attributes.items()})


def _add_image(root: Element, index: int, name: str, size: Size, slide: PyramidImage | None = None) -> None:
    """Describe the image in a directory of the TIFF; of the slide itself more is known than of its extras."""
    image = _add(root, "Image", ID=f"Image:{index}", Name=name)
    scale: Mapping[str, str] = {}
    if slide is not None:
        _add(image, "Description").text = _printable(slide.description)
        if slide.magnification is not None:
            _add(image, "InstrumentRef", ID="Instrument:0")
            _add(image, "ObjectiveSettings", ID="Objective:0")
        y, x = slide.mpp
        scale = {"PhysicalSizeX": f"{x:.9g}", "PhysicalSizeXUnit": "µm"}
        scale |= {"PhysicalSizeY": f"{y:.9g}", "PhysicalSizeYUnit": "µm"}
    sizes = {"SizeX": str(size.width), "SizeY": str(size.height), "SizeC": "3", "SizeZ": "1", "SizeT": "1"}
    pixels = _add(
        image,
        "Pixels",
        ID=f"Pixels:{index}",
        DimensionOrder="XYCZT",
        Type="uint8",
        Interleaved="true",
        **sizes,
        **scale,
    )
    _add(pixels, "Channel", ID=f"Channel:{index}:0", Name="RGB", SamplesPerPixel="3")
    _add(pixels, "TiffData", IFD=str(index), PlaneCount="1")
    if slide is not None:
        _add(image, "AnnotationRef", ID=_ANNOTATION)


def _printable(text: str) -> str:
    return text.translate(_UNPRINTABLE)
