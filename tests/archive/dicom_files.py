"""Small DICOM slides, as scanners write them: one file a level, one series a scan."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import JPEGBaseline8Bit, VLWholeSlideMicroscopyImageStorage, generate_uid

_TILE = 128


def write_dicom(
    path: Path,
    pixels: NDArray[np.uint8],
    *,
    series: str,
    z_um: float | None = None,
    container: str = "C1",
    kind: str = "VOLUME",
    planes: int = 1,
    mpp: float = 0.5,
) -> Path:
    """Write RGB pixels of shape (height, width, 3) as one level of a tiled whole-slide image."""
    height, width = pixels.shape[:2]
    header = Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    header.SOPClassUID = header.file_meta.MediaStorageSOPClassUID = VLWholeSlideMicroscopyImageStorage
    header.SOPInstanceUID = header.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    header.StudyInstanceUID, header.SeriesInstanceUID, header.FrameOfReferenceUID = "1.2.3", series, "1.2.3.4"
    header.Modality, header.ContainerIdentifier = "SM", container
    header.ImageType = ["ORIGINAL", "PRIMARY", kind, "NONE"]
    header.DimensionOrganizationType = "TILED_FULL"
    header.TotalPixelMatrixColumns, header.TotalPixelMatrixRows = width, height
    header.TotalPixelMatrixFocalPlanes = planes
    header.Rows = header.Columns = _TILE
    header.SamplesPerPixel, header.PlanarConfiguration = 3, 0
    header.PhotometricInterpretation = "YBR_FULL_422"
    header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = 8, 8, 7, 0
    header.OpticalPathSequence = Sequence([_dataset(OpticalPathIdentifier="1")])
    measures = _dataset(PixelSpacing=[mpp / 1000, mpp / 1000], SliceThickness=0.001)
    header.SharedFunctionalGroupsSequence = Sequence([_dataset(PixelMeasuresSequence=Sequence([measures]))])
    if z_um is not None:
        place = _dataset(XOffsetInSlideCoordinateSystem=0, YOffsetInSlideCoordinateSystem=0)
        place.ZOffsetInSlideCoordinateSystem = z_um
        header.TotalPixelMatrixOriginSequence = Sequence([place])
    padded = np.pad(pixels, ((0, -height % _TILE), (0, -width % _TILE), (0, 0)), mode="edge")
    tiles = [
        bytes(imagecodecs.jpeg8_encode(np.ascontiguousarray(padded[y : y + _TILE, x : x + _TILE]), level=90))
        for y in range(0, height, _TILE)
        for x in range(0, width, _TILE)
    ]
    header.NumberOfFrames = len(tiles)
    header.PixelData = encapsulate(tiles)
    header["PixelData"].is_undefined_length = True
    header.save_as(path, enforce_file_format=True)
    return path


def _dataset(**elements: object) -> Dataset:
    dataset = Dataset()
    for name, value in elements.items():
        setattr(dataset, name, value)
    return dataset
