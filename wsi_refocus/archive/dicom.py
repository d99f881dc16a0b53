"""DICOM slides: which files are one series, and which series are two planes of one specimen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wsi_refocus.archive.acquisition import Look
from wsi_refocus.archive.entry import Refused
from wsi_refocus.archive.places import folder_of
from wsi_refocus.errors import RefocusError, SlideError
from wsi_refocus.storage.urls import is_remote

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
_DEFLATED = "1.2.840.10008.1.2.1.99"
_SPECIMEN = ("StudyInstanceUID", "ContainerIdentifier", "FrameOfReferenceUID")
_GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
_TAGS = [
    *("SOPClassUID", "Modality", "ImageType", "SeriesInstanceUID", *_SPECIMEN, *_GROUPS),
    *("TotalPixelMatrixRows", "TotalPixelMatrixColumns", "TotalPixelMatrixFocalPlanes"),
    "TotalPixelMatrixOriginSequence",
]


@dataclass(frozen=True, slots=True)
class _Image:
    """What the header of a file says; a series has one file a level, and others for label and overview."""

    path: str
    series: str
    specimen: tuple[str, ...]
    kind: str
    size: tuple[int, int]
    planes: int
    z_um: float | None


def is_dicom(path: str) -> bool:
    """Whether a path is that of a local DICOM file, by its ending."""
    return path.lower().endswith(".dcm") and not is_remote(path)


def look_at_series(files: Iterable[str]) -> tuple[dict[str, Look | RefocusError], list[Refused]]:
    """Group DICOM files by their series.

    OpenSlide opens the series that a file belongs to, all of its levels, so that one file stands for all. Two series
    are of one acquisition if study, container, frame of reference and extent are the same; their heights are the z
    offsets in the slide's coordinate system.

    Parameters
    ----------
    files
        Local DICOM files.

    Returns
    -------
    looks : dict
        For every series its finest image, and what a look showed; files that cannot be read stand for themselves.
    refused : list of Refused
        Files and series that no slide can be made of.
    """
    paths = list(files)
    looks: dict[str, Look | RefocusError] = {}
    refused: list[Refused] = []
    if not paths:
        return looks, refused
    try:
        import pydicom  # noqa: F401
    except ImportError:
        reason = "are DICOM, and pydicom is missing to tell their series apart: pip install 'wsi-refocus[dicom]'"
        return looks, [Refused(tuple(paths), reason)]
    series: dict[tuple[str, str], list[_Image]] = defaultdict(list)
    for path in paths:
        try:
            image = _read(path)
        except SlideError as error:
            looks[path] = error
            continue
        if isinstance(image, Refused):
            refused.append(image)
        else:
            series[folder_of(path), image.series].append(image)
    for images in series.values():
        chosen = _finest(images)
        if isinstance(chosen, Refused):
            refused.append(chosen)
        else:
            acquisition = (*chosen.specimen, chosen.size) if any(chosen.specimen[1:]) else None
            looks[chosen.path] = Look(1, acquisition, chosen.z_um, "DICOM metadata")
    return looks, refused


def _finest(images: list[_Image]) -> _Image | Refused:
    names = tuple(sorted(image.path for image in images))
    finest = max((image for image in images if image.kind == "VOLUME"), key=lambda image: image.size, default=None)
    if finest is None:
        kinds = ", ".join(sorted({image.kind for image in images}))
        return Refused(names, f"are a DICOM series without an image of the specimen ({kinds}); leave it out: --exclude")
    if finest.planes > 1:
        reason = f"are one DICOM series of {finest.planes} planes, of which OpenSlide shows one; convert it to OME-TIFF"
        return Refused(names, reason)
    return finest


def _read(path: str) -> _Image | Refused:
    """Read what is needed of a header.

    Raises
    ------
    SlideError
        If it is no DICOM.
    """
    from pydicom import dcmread
    from pydicom.filereader import read_file_meta_info

    try:
        if str(read_file_meta_info(path).get("TransferSyntaxUID", "")) == _DEFLATED:
            return Refused((path,), "is deflated DICOM, which may be a bomb; store it in another transfer syntax")
        header = dcmread(path, stop_before_pixels=True, specific_tags=_TAGS)
        if header.get("SOPClassUID") != _WHOLE_SLIDE:
            kind = header.get("Modality", "no modality")
            return Refused((path,), f"is DICOM of another kind ({kind}), no slide; leave it out with --exclude")
        return _Image(
            path,
            str(header.get("SeriesInstanceUID", path)),
            tuple(str(header.get(n, "")) for n in _SPECIMEN),
            str((list(header.get("ImageType", ())) + [""] * 3)[2]),
            (int(header.get("TotalPixelMatrixRows", 0)), int(header.get("TotalPixelMatrixColumns", 0))),
            int(header.get("TotalPixelMatrixFocalPlanes", 1)),
            _height(header),
        )
    except Exception as error:  # pydicom raises whatever the parsing of a broken file trips over
        said = " ".join(str(error).split())[:120]
        raise SlideError(f"{path}: its DICOM header cannot be read ({said}); copy the file again") from None


def _height(header: Dataset) -> float | None:
    """Z offset in µm of the only plane: of the whole matrix, of all frames, or of the first frame."""
    places: list[Any] = list(header.get("TotalPixelMatrixOriginSequence", ()))[:1]
    for name in _GROUPS:
        for group in list(header.get(name, ()))[:1]:
            places += list(group.get("PlanePositionSlideSequence", ()))[:1]
    for place in places:
        z = place.get("ZOffsetInSlideCoordinateSystem")
        if z is not None:
            return float(z)
    return None
