"""Recognising an output that an earlier run finished."""

from __future__ import annotations

from pathlib import Path

from wsi_refocus.archive.places import inside
from wsi_refocus.config import RunSettings
from wsi_refocus.errors import OutputError
from wsi_refocus.ngff.documents import read_attributes
from wsi_refocus.ngff.files import write_whole
from wsi_refocus.ngff.metadata import LAST_DOCUMENTS, is_finished, read_provenance
from wsi_refocus.ngff.tables import QUALITY_TABLE
from wsi_refocus.pipeline.finish import PREVIEW
from wsi_refocus.pipeline.prepare import view_of
from wsi_refocus.pipeline.summary import RunSummary, count_decisions, fidelity
from wsi_refocus.report.contents import read_contents
from wsi_refocus.storage.ranges import RemoteFile


def is_made(folder: Path, slide: str, second: str | None, settings: RunSettings) -> bool:
    """Whether a folder is the finished output of just this slide and these settings.

    Parameters
    ----------
    folder
        Folder of the output.
    slide, second
        The slide as it is now: its fingerprint is compared with that of the one that was refocused.
    settings
        What is asked for.

    Raises
    ------
    SlideError
        If the slide cannot be read.
    """
    if not is_finished(folder):
        return False
    try:
        provenance = read_provenance(folder)
    except OutputError:
        return False
    source = provenance.get("source")
    if provenance.get("settings") != settings.of_the_result() or not isinstance(source, dict):
        return False
    return list(view_of(slide, second, settings).slide.fingerprint()) == source.get("fingerprints")


def summary_of(folder: Path) -> RunSummary:
    """Summary of a finished output, as its run gave it; how fast this call was is zero.

    Raises
    ------
    OutputError
        If the folder is no finished output of this version.
    """
    contents = read_contents(folder)
    try:
        method, alignment, planes = (contents.provenance[part] for part in ("method", "alignment", "planes"))
        pair = (int(planes["indices"][0]), int(planes["indices"][1]))
        measured = fidelity(contents.table, pair[0]) if "psnr_output" in contents.table else None
        return RunSummary(
            output=str(folder),
            preview=str(folder / PREVIEW),
            method=method["name"],
            checkpoint=method["checkpoint_sha256"],
            planes=pair,
            shift_px=(float(alignment["shift_px"][0]), float(alignment["shift_px"][1])),
            shape=(contents.size.height, contents.size.width),
            levels=_levels(folder),
            tiles=count_decisions(contents.table["decision"]),
            seconds=0.0,
            megapixels_per_second=0.0,
            peak_rss_mb=0.0,
            psnr_db=measured[0] if measured else None,
            ssim=measured[1] if measured else None,
        )
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise OutputError(f"{folder}: was written by another version ({error}); run with --overwrite") from None


def fetch_documents(url: str, folder: Path) -> bool:
    """Fetch from a bucket what an output says of itself, but no pixels; False if it is no output.

    Parameters
    ----------
    url
        Address of the output.
    folder
        Where its documents and its quality table are written.

    Raises
    ------
    SlideError
        If the bucket cannot be read.
    """
    from wsi_refocus.storage.upload import exists

    for name in (*LAST_DOCUMENTS, QUALITY_TABLE):
        place = inside(url, name)
        if exists(place):
            file = RemoteFile(place)
            write_whole(folder / name, file.read_at(0, file.size))
    return is_finished(folder)


def _levels(folder: Path) -> int:
    attributes = read_attributes(folder) or {}
    return len(attributes.get("ome", attributes)["multiscales"][0]["datasets"])
