"""Which directory of a TIFF holds which focal plane, as the ``TiffData`` of OME-XML say."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from wsi_refocus.slide.ome_elements import child, tag

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def plane_pages(
    pixels: Element,
    sizes: dict[str, int],
    file_pages: int,
    most: int,
    in_other_file: Callable[[Element], bool],
) -> tuple[int | None, ...]:
    """Follow the ``TiffData`` blocks; a block without ``IFD`` and ``PlaneCount`` names all directories.

    Parameters
    ----------
    pixels
        One of the document's ``Pixels``.
    sizes
        Lengths of the axes Z, C and T.
    file_pages
        Number of top-level directories of the TIFF.
    most
        Directories that all blocks may name together, one that is named twice counting twice.
    in_other_file
        Whether a block speaks of another file; see `other_files`.

    Returns
    -------
    tuple of int or None
        Number of the directory of each plane, for channel 0 and time 0; None where it is in another file or
        nowhere.

    Raises
    ------
    ValueError
        If the numbers make no sense.
    """
    order = pixels.attrib.get("DimensionOrder", "XYCZT")[2:]
    if sorted(order) != ["C", "T", "Z"]:
        raise ValueError(f"DimensionOrder {order}")
    found: dict[int, int] = {}
    steps = 0
    for block in (element for element in pixels if tag(element) == "TiffData"):
        if in_other_file(block):
            continue
        page = int(block.attrib.get("IFD", 0))
        count = int(block.attrib.get("PlaneCount", 1 if "IFD" in block.attrib else file_pages))
        first = {axis: int(block.attrib.get(f"First{axis}", 0)) for axis in "ZCT"}
        if min(page, *first.values()) < 0:
            raise ValueError("TiffData with a negative number")
        position = _position(first, order, sizes)
        steps += max(0, min(count, file_pages - page))
        if steps > most:  # many blocks that each name all directories would take hours
            raise ValueError("TiffData that name directories again and again")
        for step in range(min(count, file_pages - page)):
            index = _index(position + step, order, sizes)
            if index["C"] == index["T"] == 0:
                found[index["Z"]] = page + step
    return tuple(found.get(z) for z in range(sizes["Z"]))


def _position(index: dict[str, int], order: str, sizes: dict[str, int]) -> int:
    """Number of a page, counted with the first axis of ``order`` fastest."""
    position, stride = 0, 1
    for axis in order:
        position += index[axis] * stride
        stride *= sizes[axis]
    return position


def _index(position: int, order: str, sizes: dict[str, int]) -> dict[str, int]:
    index = {}
    for axis in order:
        position, index[axis] = divmod(position, sizes[axis])
    # pages beyond the described ones run into the time axis
    index[order[-1]] += position * sizes[order[-1]]
    return index


def other_files(root: Element, path: str) -> Callable[[Element], bool]:
    """Find out which files a document speaks of.

    Parameters
    ----------
    root
        The document.
    path
        File that it comes from.

    Returns
    -------
    callable
        Whether a ``TiffData`` block names a directory of another file.
    """
    own = root.attrib.get("UUID")
    files = {each.attrib.get("FileName") for each in root.iter() if tag(each) == "UUID"}
    name = path.replace("\\", "/").rsplit("/", 1)[-1]

    def elsewhere(block: Element) -> bool:
        uuid = child(block, "UUID")
        if uuid is None:
            return False
        if own is not None:
            return uuid.text is not None and uuid.text.strip() != own
        named = uuid.attrib.get("FileName")
        # one file that was renamed names itself wrongly
        return len(files) > 1 and named is not None and named != name

    return elsewhere
