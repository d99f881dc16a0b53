"""OME-TIFF with one, two or many focal planes, pyramidal or not."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

import numpy as np
import tifffile
from numpy.typing import NDArray

from wsi_refocus.errors import SlideError
from wsi_refocus.geometry import Region
from wsi_refocus.limits import MAX_LEVELS, PICTURE_PIXELS, TILES
from wsi_refocus.slide.file_bytes import FileBytes
from wsi_refocus.slide.fingerprint import fingerprint
from wsi_refocus.slide.model import FocalPlane, Level, SlideInfo
from wsi_refocus.slide.ome_elements import is_ome_xml
from wsi_refocus.slide.ome_xml import OmeImage, parse_ome_xml
from wsi_refocus.slide.reader import SlideReader, downsample
from wsi_refocus.slide.tiff_image import TiffImage
from wsi_refocus.slide.tiff_kind import opened_tiff, page_of

logger = logging.getLogger(__name__)

_EXTRAS = ("label", "macro", "thumbnail", "overview", "barcode")


class OmeTiffSource(SlideReader):
    """An OME-TIFF. Reading is safe from several threads, and decodes only the tiles that a region overlaps.

    The focal planes are the Z planes of the first image that is neither a label nor an overview; further
    images of the same size, with one plane each, are focal planes as well.

    Parameters
    ----------
    path
        File, or a URL that fsspec knows.

    Raises
    ------
    SlideError
        If the file is truncated, its OME-XML is unusable, or its pixels are not 8-bit RGB.
    """

    def __init__(self, path: str) -> None:
        self._file = FileBytes(path)
        self._lock = threading.Lock()
        self._segments_read = 0
        try:
            with opened_tiff(self._file) as tiff:
                xml, images = _images(tiff, path)
                main = _main_images(images, path)
                self._planes = _planes(tiff, self._file, main)
                self._associated = _associated(tiff, self._file, images, main)
                icc_profile = _icc_profile(tiff, main[0])
            super().__init__(_describe(path, xml, main, self._planes, tuple(self._associated), icc_profile))
        except BaseException:
            self._file.close()
            raise

    @property
    def segments_read(self) -> int:
        """Tiles and strips decoded so far, over all threads; for tests that count instead of timing."""
        return self._segments_read

    def read_region(self, plane: int, level: int, region: Region) -> NDArray[np.uint8]:
        """Read pixels; as `SlideSource.read_region`."""
        self.check(plane, level, region)
        pixels, segments = self._planes[plane][level].read(region)
        with self._lock:
            self._segments_read += segments
        return pixels

    def read_associated(self, name: str) -> NDArray[np.uint8]:
        """Read an associated image as RGB of shape (height, width, 3)."""
        self.check_associated(name)
        image = self._associated[name]
        return image.read(Region.whole(image.size))[0]

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _images(tiff: tifffile.TiffFile, path: str) -> tuple[str, list[OmeImage]]:
    first = page_of(tiff, 0)
    xml = first.description
    if not is_ome_xml(xml):
        raise SlideError(f"{path}: is a TIFF without OME-XML, so that its focal planes are unknown")
    return xml, parse_ome_xml(xml, path, len(tiff.pages), first.samplesperpixel)


def _main_images(images: Sequence[OmeImage], path: str) -> list[OmeImage]:
    """The image that is the slide, and those of its size that hold one more plane each."""
    candidates = [image for image in images if image.name.lower() not in _EXTRAS] or list(images)
    first = candidates[0]
    main = [first]
    if first.size_z == 1:
        kind = _kind(first)
        main += [image for image in candidates[1:] if _kind(image) == kind]
    for image in main:
        if image.size_t > 1:
            raise SlideError(f"{path}: is a time series of {image.size_t} images; split it first")
        if image.size_c > 1 or image.samples != 3:
            raise SlideError(
                f"{path}: holds {image.size_c * image.samples} separate channels, as grey or fluorescence images "
                "do; only 8-bit RGB brightfield slides can be refocused"
            )
        if image.pixel_type.lower() != "uint8":
            raise SlideError(
                f"{path}: holds {image.pixel_type} pixels; only 8-bit RGB brightfield slides can be refocused"
            )
        if None in image.pages:
            missing = image.pages.index(None)
            raise SlideError(
                f"{path}: plane {missing} of {image.size_z} is not in this file, which is truncated or one of "
                "several; copy it again, or convert the slide to a single OME-TIFF"
            )
    return main


def _kind(image: OmeImage) -> tuple[object, ...]:
    return image.size, image.size_z, image.size_c, image.size_t, image.samples, image.pixel_type


def _planes(tiff: tifffile.TiffFile, file: FileBytes, main: Sequence[OmeImage]) -> tuple[tuple[TiffImage, ...], ...]:
    """Images of all levels, for each plane."""
    planes: list[list[TiffImage]] = []
    tiles = 0
    for number, page in enumerate(page for image in main for page in image.pages if page is not None):
        directory = page_of(tiff, page)
        planes.append([])
        for level, each in enumerate([directory, *_subdirectories(directory, file.path)]):
            planes[-1].append(TiffImage(each, file, f"plane {number}, level {level}"))
            tiles += planes[-1][-1].segments
            TILES.check(tiles, "tiles", file.path)
    first = planes[0]
    if main[0].size != first[0].size:
        raise SlideError(
            f"{file.path}: the OME-XML says {main[0].size.height} × {main[0].size.width} pixels, the TIFF "
            f"{first[0].size.height} × {first[0].size.width}; export the slide again"
        )
    for number, levels in enumerate(planes):
        if levels[0].size != first[0].size:
            raise SlideError(f"{file.path}: plane {number} differs in size from plane 0; export the slide again")
    common = 1
    while all(
        len(levels) > common
        and levels[common].size == first[common].size
        and levels[common].size.area < levels[common - 1].size.area
        for levels in planes
    ):
        common += 1
    return tuple(tuple(levels[:common]) for levels in planes)


def _subdirectories(page: tifffile.TiffPage, path: str) -> list[tifffile.TiffPage]:
    count = len(page.subifds or ())
    if count > MAX_LEVELS:
        raise SlideError(f"{path}: has {count} levels, which no pyramid has; the file is damaged")
    pages = page.pages or ()
    return [each.aspage() if isinstance(each, tifffile.TiffFrame) else each for each in pages]


def _associated(
    tiff: tifffile.TiffFile, file: FileBytes, images: Sequence[OmeImage], main: Sequence[OmeImage]
) -> dict[str, TiffImage]:
    found: dict[str, TiffImage] = {}
    for number, image in enumerate(images):
        if image in main or image.pages[0] is None:
            continue
        name = image.name.strip().lower() or f"image {number}"
        try:
            extra = TiffImage(page_of(tiff, image.pages[0]), file, name)
            PICTURE_PIXELS.check(extra.size.area, f"pixels in its {name}", file.path)
            found.setdefault(name, extra)
        except SlideError as error:
            logger.info("the image %s is left out: %s", name, error)
    return found


def _icc_profile(tiff: tifffile.TiffFile, image: OmeImage) -> bytes | None:
    tag = page_of(tiff, image.pages[0] or 0).tags.get("InterColorProfile")
    return None if tag is None else bytes(tag.value)


def _describe(
    path: str,
    xml: str,
    main: Sequence[OmeImage],
    planes: Sequence[Sequence[TiffImage]],
    associated: tuple[str, ...],
    icc_profile: bytes | None,
) -> SlideInfo:
    heights = [z for image in main for z in image.z_um]
    notes = list(dict.fromkeys(note for image in main for note in image.notes))
    if len(main) > 1:
        notes.append(f"the file holds {len(main)} images of the same size; taken as focal planes of one slide")
        if len(set(heights)) < len(heights):
            heights = [None] * len(heights)
            notes.append("the heights of these images are not all different; taken as unknown")
    if not planes[0][0].tiled:
        notes.append("the pixels are stored in strips; every region decodes rows of the full width")
    finest = planes[0][0].size
    return SlideInfo(
        paths=(path,),
        format="ome-tiff",
        levels=tuple(Level(image.size, downsample(finest, image.size)) for image in planes[0]),
        planes=tuple(FocalPlane(index, z) for index, z in enumerate(heights)),
        mpp=main[0].mpp,
        magnification=main[0].magnification,
        associated=associated,
        icc_profile=icc_profile,
        fingerprint=(fingerprint(path),),
        ome_xml=xml,
        notes=tuple(notes),
    )
