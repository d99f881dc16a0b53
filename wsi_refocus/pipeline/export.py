"""A finished output as one pyramidal OME-TIFF, beside the OME-Zarr or instead of it."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from wsi_refocus.errors import OutputError, OutputExistsError, SlideError, UsageError
from wsi_refocus.ngff.files import explained, write_whole
from wsi_refocus.ngff.metadata import read_provenance, require_finished
from wsi_refocus.ngff.tables import QUALITY_TABLE
from wsi_refocus.pipeline.exported import Exported
from wsi_refocus.pipeline.progress import Progress, Silence
from wsi_refocus.slide.open import open_slide
from wsi_refocus.slide.pyramid_tiff import TILE, tile_count, write_pyramid_tiff
from wsi_refocus.slide.pyramid_tiff_check import check_pyramid_tiff
from wsi_refocus.slide.pyramid_tiff_codec import Compression, TileCodec
from wsi_refocus.slide.pyramid_tiff_xml import provenance_in

logger = logging.getLogger(__name__)

_ENDINGS = (".tif", ".tiff")
_REPORT = "report/index.html"
_ROOT_DOCUMENTS = ("zarr.json", ".zattrs", ".zgroup")


class Kept(NamedTuple):
    """What is left of an output beside its export.

    Attributes
    ----------
    quality : Path
        Quality table.
    report : Path or None
        Report, if the output had one.
    """

    quality: Path
    report: Path | None


def export_output(
    output: str | Path,
    file: str | Path | None = None,
    compression: Compression = "jpeg",
    quality: int = 90,
    progress: Progress | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a finished output as a pyramidal OME-TIFF, which OpenSlide, QuPath and Bio-Formats open.

    All levels of the slide, with label, macro, ICC profile, pixel size, magnification and provenance; neither the
    quality image nor a phase map. The file is there whole and checked, or not at all. The memory that is needed does
    not depend on the size of the slide, and the same output gives the same bytes.

    Parameters
    ----------
    output
        Folder of the output.
    file
        File to write; by default beside the output, ``NAME.ome.zarr`` as ``NAME.ome.tiff``.
    compression
        ``jpeg``, or ``deflate``, which loses nothing and takes about four times the room.
    quality
        Of JPEG, 1 to 100.
    progress
        Told of the tiles.
    overwrite
        Whether a file that is there is replaced.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UsageError
        If there is no such compression or quality, or the file is not named like a TIFF.
    OutputExistsError
        If the file is there already.
    NoSpaceError
        If the disk is full.
    OutputError
        If the output is unfinished or damaged, or the file cannot be written.
    """
    folder, codec = Path(output), TileCodec(compression, quality)
    require_finished(folder)
    target = default_export(folder) if file is None else Path(file)
    if not target.name.lower().endswith(_ENDINGS):
        raise UsageError(f"{target}: is not named like a TIFF; end it with .ome.tiff")
    if target.is_dir():
        raise OutputError(f"{target}: is a folder; name a file")
    if target.exists() and not overwrite:
        raise OutputExistsError(f"{target}: exists already; replace it with --overwrite or name another file with -o")
    exported = Exported.of(folder, codec)
    seen = progress or Silence()
    seen.start("export", tile_count(exported.image), "tiles")
    try:
        write_pyramid_tiff(target, exported.image, exported.read, codec, seen.advance)
    finally:
        seen.stop()
    return target


def default_export(output: str | Path) -> Path:
    """File that an output is exported to: named like it, beside it."""
    folder = Path(output)
    return folder.with_name(f"{folder.name.removesuffix('.zarr').removesuffix('.ome')}.ome.tiff")


def keep_only_export(output: str | Path, file: str | Path) -> Kept:
    """Remove a finished output of which an export is enough; its quality table and its report move beside the export.

    Before anything is removed, the export is looked at: that it is of this very output, and holds its pixels in every
    tile. The documents that make the folder a slide go first, so that what is left by an interruption is no slide.

    Parameters
    ----------
    output
        Folder of the output.
    file
        Its export; ``NAME.quality.parquet`` and ``NAME.report.html`` will lie beside ``NAME.ome.tiff``.

    Returns
    -------
    Kept
        Where they are.

    Raises
    ------
    OutputError
        If the export is damaged or one of another output, or something cannot be moved or removed.
    """
    folder, target = Path(output), Path(file)
    require_finished(folder)
    _check_export(folder, target)
    if read_provenance(folder).get("slide", {}).get("phase"):
        logger.warning("%s: its phase map is no part of the export, and is removed with it", folder)
    stem = target.with_suffix("").name.removesuffix(".ome")
    kept = Kept(
        target.with_name(f"{stem}.quality.parquet"),
        target.with_name(f"{stem}.report.html") if (folder / _REPORT).is_file() else None,
    )
    with explained(target.parent):
        write_whole(kept.quality, (folder / QUALITY_TABLE).read_bytes())
        if kept.report is not None:
            write_whole(kept.report, (folder / _REPORT).read_bytes())
    with explained(folder):
        for name in _ROOT_DOCUMENTS:
            (folder / name).unlink(missing_ok=True)
        shutil.rmtree(folder)
    return kept


def _check_export(folder: Path, file: Path) -> None:
    """Refuse a file that is not the export of an output."""
    with _unsuitable(file), open_slide(str(file)) as slide:
        said = provenance_in(slide.info.ome_xml or "", str(file))
    how = said.pop("export", None)
    if said != read_provenance(folder) or not isinstance(how, dict):
        raise OutputError(f"{file}: is the export of another output than {folder}; export this one again")
    codec = TileCodec(how.get("compression", "jpeg"), how.get("quality", 0))
    exported = Exported.of(folder, codec)
    check_pyramid_tiff(file, exported.image, exported.read, codec, TILE, every=True)


@contextmanager
def _unsuitable(file: Path) -> Iterator[None]:
    try:
        yield
    except SlideError as error:
        raise OutputError(f"{file}: is no sound export, so that nothing is removed ({error})") from error
