"""Opening a slide of any format, by its content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wsi_refocus.errors import SlideError, UsageError
from wsi_refocus.slide.fingerprint import fingerprint, fingerprint_of_copy
from wsi_refocus.slide.model import SlideInfo
from wsi_refocus.slide.reader import SlideReader
from wsi_refocus.slide.source import SlideSource
from wsi_refocus.storage.urls import is_remote, is_store_url, public

_ZARR_DOCUMENTS = ("zarr.json", ".zgroup", ".zattrs")
_ONE_PLANE_SHOWN = (None, "generic-tiff", "aperio", "hamamatsu")
"""Kinds of TIFF whose images of the same size are focal planes."""
_READ_FROM_URLS = ("tiffslide:aperio", "tiffslide:generic-tiff", "tiffslide:tiff")
"""What tiffslide reads as OpenSlide does."""
_COPY_FIRST = "copy it first, by --scratch DIR, or convert it to OME-TIFF or OME-Zarr"


@dataclass(frozen=True, slots=True)
class SlideSpec:
    """What it takes to open a slide again, in another process or another day.

    Attributes
    ----------
    paths : tuple of str
        Files or URLs: one, or two of one plane each.
    mpp : float or tuple of float or None
        µm per pixel, of both axes or (y, x), that replaces what the file says.
    z_um : tuple of float or None
        Height of each plane in µm that replaces what the file says.
    copies : tuple of str or None
        Where the bytes of each of ``paths`` are read instead; descriptions, messages and fingerprints are as if
        there were none.
    """

    paths: tuple[str, ...]
    mpp: float | tuple[float, float] | None = None
    z_um: tuple[float, ...] | None = None
    copies: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.copies is not None and len(self.copies) != len(self.paths):
            raise UsageError(f"{len(self.paths)} slide files have {len(self.copies)} copies; name one for each")

    def open(self) -> SlideSource:
        """Open the slide; of two files only size and mpp are compared, not what they show.

        Raises
        ------
        SlideError
            If it cannot be used.
        """
        return _open(self)

    def fingerprint(self) -> tuple[str, ...]:
        """Fingerprint of each file, without opening it as a slide.

        Raises
        ------
        SlideError
            If a file cannot be read.
        """
        if self.copies is None:
            return tuple(fingerprint(path) for path in self.paths)
        return tuple(fingerprint_of_copy(copy, path) for copy, path in zip(self.copies, self.paths, strict=True))

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> SlideSpec:
        """Rebuild from what ``asdict`` and JSON made of it."""
        mpp, z_um, copies = stored.get("mpp"), stored.get("z_um"), stored.get("copies")
        return cls(
            tuple(stored["paths"]),
            (mpp[0], mpp[1]) if isinstance(mpp, Sequence) else mpp,
            None if z_um is None else tuple(z_um),
            None if copies is None else tuple(copies),
        )


def open_slide(
    path: str | Path,
    second: str | Path | None = None,
    *,
    mpp: float | tuple[float, float] | None = None,
    z_um: Sequence[float] | None = None,
) -> SlideSource:
    """Open a slide: one file with its focal planes, or two files of one plane each.

    The reader is chosen by what the file holds, not by its name. OpenSlide never sees an OME-TIFF. A slide that
    does not say its mpp opens all the same; see `require_mpp`.

    Parameters
    ----------
    path
        OME-TIFF, OME-Zarr folder, any file that OpenSlide or tiffslide reads, or a URL of such.
    second
        The second of two files.
    mpp
        µm per pixel, of both axes or (y, x), that replaces what the file says.
    z_um
        Height of each plane in µm that replaces what the file says.

    Returns
    -------
    SlideSource
        The open slide; a context manager.

    Raises
    ------
    SlideError
        If the file is missing, damaged, of an unknown kind, or not 8-bit RGB.
    PlanePairError
        If two files differ in size, mpp or tissue, or one of them has several planes.
    UsageError
        If ``mpp`` is not positive and finite, or ``z_um`` has not one finite height a plane, each another.

    Examples
    --------
    >>> from wsi_refocus.geometry import Region
    >>> with open_slide("sample_slides/cmu-1-two-shot.ome.tiff") as slide:
    ...     planes = [plane.z_um for plane in slide.info.planes]
    ...     pixels = slide.read_region(plane=1, level=0, region=Region(0, 0, 256, 512))
    >>> len(planes), pixels.shape
    (2, (256, 512, 3))

    Two files, scanned 0.75 µm below and above the focal plane:

    >>> near, far = "sample_slides/cmu-1-near.tiff", "sample_slides/cmu-1-far.tiff"
    >>> with open_slide(near, far, z_um=(-0.75, 0.75)) as slide:
    ...     [plane.z_um for plane in slide.info.planes]
    [-0.75, 0.75]
    """
    from wsi_refocus.slide.same_tissue import require_same_tissue

    paths = (str(path),) if second is None else (str(path), str(second))
    source = SlideSpec(paths, mpp, None if z_um is None else tuple(z_um)).open()
    try:
        require_same_tissue(source)
    except BaseException:
        source.close()
        raise
    return source


def require_mpp(info: SlideInfo) -> tuple[float, float]:
    """Give the mpp (y, x) of a slide that has to have one.

    Raises
    ------
    SlideError
        If it is unknown.
    """
    if info.mpp is None:
        raise SlideError(f"{' + '.join(info.paths)}: does not say its µm per pixel; give it with --mpp, as --mpp 0.5")
    return info.mpp


def has_zarr_documents(folder: Path) -> bool:
    """Whether a folder holds the metadata of a Zarr group."""
    return any((folder / name).is_file() for name in _ZARR_DOCUMENTS)


def _open(spec: SlideSpec) -> SlideReader:
    if not 1 <= len(spec.paths) <= 2:
        raise UsageError(f"a slide is one file or two of one plane each, not {len(spec.paths)}")
    mpp = (spec.mpp, spec.mpp) if isinstance(spec.mpp, int | float) else spec.mpp
    opened: list[SlideReader] = []
    try:
        opened.extend(map(_open_place, spec.paths, spec.copies or spec.paths))
        source = opened[0]
        if len(opened) == 2:
            from wsi_refocus.slide.two_files import TwoFileSource

            source = TwoFileSource(opened[0], opened[1], mpp_is_given=mpp is not None)
        source.override(mpp, spec.z_um)
    except BaseException:
        for each in opened:
            each.close()
        raise
    return source


def _open_place(path: str, copy: str) -> SlideReader:
    """Open a file, or its copy in its name."""
    if copy == path:
        return _open_file(path)
    from wsi_refocus.slide.copied import CopiedSource, told_of

    with told_of(path, copy):
        return CopiedSource(_open_file(copy), path, copy)


def _open_file(path: str) -> SlideReader:
    """Choose the reader by content; each is imported only when it is needed."""
    if _is_store(path):
        from wsi_refocus.slide.ome_zarr_reader import OmeZarrSource

        return OmeZarrSource(path)
    from wsi_refocus.slide.tiff_kind import is_tiff, tiff_kind

    tiff = is_tiff(path)
    kind = tiff_kind(path) if tiff else None
    if kind is not None and kind.is_ome:
        from wsi_refocus.slide.ome_tiff import OmeTiffSource

        return OmeTiffSource(path)
    if not is_remote(path):
        from wsi_refocus.slide.openslide_reader import OpenSlideSource, openslide_format

        vendor = openslide_format(path)
        if kind is not None and kind.same_size > 1 and vendor in _ONE_PLANE_SHOWN:
            raise SlideError(
                f"{path}: is a TIFF of {kind.same_size} images of the same size, of which OpenSlide shows one, and no "
                "OME-XML says which focal planes they are; convert it to OME-TIFF"
            )
        if vendor is not None:
            return OpenSlideSource(path)
    if not tiff and is_remote(path):
        raise SlideError(f"{public(path)}: is no TIFF, and no other file can be read from a URL; {_COPY_FIRST}")
    if not tiff:
        raise SlideError(
            f"{path}: holds nothing that a slide reader knows; give an OME-TIFF, an OME-Zarr or a slide that "
            "OpenSlide reads"
        )
    from wsi_refocus.slide.tiffslide_reader import TiffSlideSource

    source = TiffSlideSource(path)
    if is_remote(path) and source.info.format not in _READ_FROM_URLS:
        source.close()
        vendor = source.info.format.removeprefix("tiffslide:")
        raise SlideError(f"{public(path)}: is a slide of the kind {vendor}, which OpenSlide has to read; {_COPY_FIRST}")
    return source


def _is_store(path: str) -> bool:
    """Whether a path is that of an OME-Zarr group; a folder that is none is refused."""
    if is_remote(path):
        return is_store_url(path)
    folder = Path(path)
    if not folder.is_dir():
        return False
    if not has_zarr_documents(folder):
        raise SlideError(
            f"{path}: is a folder without OME-Zarr metadata; name a slide file, or the folder that holds zarr.json "
            "or .zattrs"
        )
    return True
