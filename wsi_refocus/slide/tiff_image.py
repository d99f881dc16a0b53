"""One image of a TIFF, read tile by tile or strip by strip: only what a region overlaps is decoded."""

from __future__ import annotations

from itertools import product

import numpy as np
import tifffile
from numpy.typing import NDArray

from wsi_refocus.errors import CorruptRegionError, RefocusError, SlideError
from wsi_refocus.geometry import Region, Size
from wsi_refocus.slide.cause import cause
from wsi_refocus.slide.file_bytes import FileBytes
from wsi_refocus.slide.guarded_decoding import guarded_decoder
from wsi_refocus.slide.jpeg_check import jpeg_damage
from wsi_refocus.slide.tiff_kind import check_segment

_NONE, _JPEG = 1, 7
_RGB, _YCBCR = 2, 6
_PLANAR = 2


class TiffImage:
    """RGB image of one TIFF directory. Reading is safe from several threads at once.

    Everything that is needed is taken from the directory here, so that reading touches nothing of tifffile but
    its decoder, which holds no state.

    Parameters
    ----------
    page
        The directory.
    file
        Bytes of its file.
    label
        What the image is, for messages, such as ``plane 0, level 1``.

    Raises
    ------
    SlideError
        If it is not 8-bit RGB, uses an unknown compression, or lies in part beyond the end of the file.
    """

    def __init__(self, page: tifffile.TiffPage, file: FileBytes, label: str) -> None:
        self._file = file
        self._label = label
        self.size = Size(page.imagelength, page.imagewidth)
        _check_pixels(page, file.path)
        check_segment(page, file.path)
        self._offsets: tuple[int, ...] = tuple(page.dataoffsets)
        self._counts: tuple[int, ...] = tuple(page.databytecounts)
        self.tiled = bool(page.is_tiled)
        edge = Size(page.tilelength, page.tilewidth) if self.tiled else self._strip(page)
        self.segment_size = edge
        self._grid = Size(-(-self.size.height // edge.height), -(-self.size.width // edge.width))
        self._samples = 3 if page.planarconfig == _PLANAR else 1
        self._check_segments()
        self._tables = {"jpegtables": page.jpegtables, "jpegheader": page.jpegheader}
        self._is_jpeg = page.compression == _JPEG
        # strips that are stored as they are can be read in part, and often a strip is the whole image
        self._sliceable = not self.tiled and page.compression == _NONE and page.fillorder == 1
        self._decode = guarded_decoder(page, file.path)

    @property
    def segments(self) -> int:
        """Tiles or strips that the directory lists."""
        return len(self._offsets)

    def _strip(self, page: tifffile.TiffPage) -> Size:
        return Size(min(int(page.rowsperstrip), self.size.height), self.size.width)

    def _check_segments(self) -> None:
        needed = self._grid.area * self._samples
        if min(len(self._offsets), len(self._counts)) < needed:
            raise SlideError(
                f"{self._file.path}: {self._label} lists {len(self._offsets)} of its {needed} tiles; "
                "the file is damaged, copy it again"
            )
        end = max(offset + count for offset, count in zip(self._offsets, self._counts, strict=False))
        if end > self._file.size:
            raise SlideError(
                f"{self._file.path}: ends at byte {self._file.size}, but {self._label} reaches to byte {end}; "
                "the file is truncated, copy it again"
            )

    def read(self, region: Region) -> tuple[NDArray[np.uint8], int]:
        """Read pixels.

        Parameters
        ----------
        region
            Pixels inside the image.

        Returns
        -------
        pixels : ndarray of shape (height, width, 3)
            RGB.
        segments : int
            How many tiles or strips were read for it.

        Raises
        ------
        CorruptRegionError
            If one of the tiles cannot be read or decoded.
        """
        result = np.empty((*region.size, 3), np.uint8)
        high, wide = self.segment_size
        rows = range(region.y // high, -(-region.y1 // high))
        columns = range(region.x // wide, -(-region.x1 // wide))
        for sample, row, column in product(range(self._samples), rows, columns):
            place = Region(row * high, column * wide, high, wide)
            wanted = place.intersection(region)
            target = result[wanted.relative_to(region).slices]
            if self._samples > 1:
                target = target[..., sample : sample + 1]
            index = sample * self._grid.area + row * self._grid.width + column
            if self._counts[index] == 0:
                target[...] = 0  # a tile that was left out is black by the TIFF's own rule
            elif self._sliceable:
                target[...] = self._read_rows(index, place, wanted)
            else:
                pixels = self._read_segment(index, row, column)
                target[...] = self._inside(pixels, wanted.relative_to(place), row, column)
        return result, self._samples * len(rows) * len(columns)

    def _read_segment(self, index: int, row: int, column: int) -> NDArray[np.uint8]:
        data = self._read_bytes(self._offsets[index], self._counts[index], row, column)
        damage = jpeg_damage(data) if self._is_jpeg else None
        if damage is not None:
            raise self._corrupt(row, column, damage)
        try:
            pixels, _, _ = self._decode(data, index, **self._tables)
        except Exception as error:  # codecs raise errors of their own, which have no base in common
            raise self._corrupt(row, column, f"{cause(error)}") from error
        decoded: NDArray[np.uint8] = pixels[0]
        return decoded

    def _inside(self, pixels: NDArray[np.uint8], wanted: Region, row: int, column: int) -> NDArray[np.uint8]:
        if pixels.shape[0] < wanted.y1 or pixels.shape[1] < wanted.x1:
            raise self._corrupt(row, column, f"only {pixels.shape[0]} × {pixels.shape[1]} pixels")
        return pixels[wanted.slices]

    def _read_rows(self, index: int, strip: Region, wanted: Region) -> NDArray[np.uint8]:
        """Read some rows of a strip that is stored as it is."""
        depth = 1 if self._samples > 1 else 3
        pitch = self.size.width * depth
        start = (wanted.y - strip.y) * pitch
        length = wanted.height * pitch
        row = index % self._grid.area
        if start + length > self._counts[index]:
            raise self._corrupt(row, 0, f"only {self._counts[index]} bytes")
        data = self._read_bytes(self._offsets[index] + start, length, row, 0)
        rows = np.frombuffer(data, np.uint8).reshape(wanted.height, self.size.width, depth)
        return rows[:, wanted.x : wanted.x1]

    def _read_bytes(self, offset: int, count: int, row: int, column: int) -> bytes:
        try:
            data = self._file.read_at(offset, count)
        except RefocusError:  # of a server that cannot be reached: the slide itself may be sound
            raise
        except (OSError, ValueError) as error:
            raise self._corrupt(row, column, cause(error)) from error
        if len(data) < count:
            raise self._corrupt(row, column, "the file ends before it does")
        return data

    def _corrupt(self, row: int, column: int, damage: str) -> CorruptRegionError:
        place = f"tile {row},{column}" if self.tiled else f"strip {row}"
        return CorruptRegionError(
            f"{self._file.path}: {place} of {self._label} cannot be decoded ({damage}); "
            "copy the file again, or leave this part out with --region"
        )


def _check_pixels(page: tifffile.TiffPage, path: str) -> None:
    """Refuse what is not 8-bit RGB of a compression that can be decoded."""
    samples, bits = page.samplesperpixel, page.bitspersample
    if page.dtype != np.uint8 or bits != 8:
        raise SlideError(
            f"{path}: holds {page.dtype or bits} pixels; only 8-bit RGB brightfield slides can be refocused"
        )
    if samples != 3:
        kind = "grey or fluorescence" if samples == 1 else f"{samples}-sample"
        raise SlideError(f"{path}: holds {kind} images; only 8-bit RGB brightfield slides can be refocused")
    if page.photometric != _RGB and not (page.photometric == _YCBCR and page.compression == _JPEG):
        name = getattr(page.photometric, "name", page.photometric)
        raise SlideError(f"{path}: its colours are stored as {name}, not as RGB; convert it to RGB")
    if page.imagedepth != 1 or page.imagelength < 1 or page.imagewidth < 1:
        raise SlideError(f"{path}: has an image of {page.shape}; only flat images can be read")
    if page.compression != _NONE and page.compression not in tifffile.TIFF.DECOMPRESSORS:
        name = getattr(page.compression, "name", page.compression)
        raise SlideError(f"{path}: is compressed with {name}, which cannot be decoded; convert it to JPEG")
