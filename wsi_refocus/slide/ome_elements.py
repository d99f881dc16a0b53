"""The elements of an OME-XML document, parsed safely."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsi_refocus.errors import SlideError
from wsi_refocus.limits import METADATA_BYTES
from wsi_refocus.slide.cause import cause

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def is_ome_xml(text: str) -> bool:
    """Whether a TIFF description is OME-XML, even if broken."""
    signs = ("<OME", "<ome:OME", "openmicroscopy.org/Schemas/OME")
    # what tifffile takes for OME-XML must be so here too: it would parse it in its own way
    return any(sign in text for sign in signs) or text.rstrip("\0 \r\n\t").endswith("OME>")


def refuse_entities(text: str, path: str) -> None:
    """Refuse a description whose parser, in another library, might follow its DTD or entities.

    Raises
    ------
    SlideError
        If it has any.
    """
    if any(sign in text for sign in ("<!DOCTYPE", "<!ENTITY")):
        raise SlideError(f"{path}: its XML defines entities or a DTD, which is refused as unsafe; export it again")


def parse_safely(text: str, path: str) -> Element:
    """Parse a document that may come from anyone.

    Parameters
    ----------
    text
        The document.
    path
        File that it comes from, for messages.

    Raises
    ------
    SlideError
        If it is broken or too long, or has a DTD or entities, which could exhaust the memory or reach other files.
    """
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    METADATA_BYTES.check(len(text), "characters of OME-XML", path)
    try:
        root: Element = fromstring(text.strip().rstrip("\0"), forbid_dtd=True)
    except DefusedXmlException as error:
        raise SlideError(
            f"{path}: its OME-XML defines entities or a DTD, which is refused as unsafe; export the slide again"
        ) from error
    except (ParseError, ValueError, LookupError) as error:
        raise SlideError(f"{path}: its OME-XML is broken ({cause(error)}); export the slide again") from error
    return root


def child(element: Element, name: str) -> Element | None:
    """First child of a name, whatever its namespace."""
    return next((each for each in element if tag(each) == name), None)


def tag(element: Element) -> str:
    """Name of an element without its namespace."""
    return str(element.tag).rsplit("}", 1)[-1]
