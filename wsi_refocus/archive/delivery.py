"""One slide from where it lies to where its result is wanted: copied, refocused, reported, exported, uploaded."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, TypeAlias

from wsi_refocus.archive.finished import fetch_documents, is_made, summary_of
from wsi_refocus.archive.places import folder_of, inside
from wsi_refocus.config import RunSettings
from wsi_refocus.errors import OutputExistsError, RefocusError, UsageError
from wsi_refocus.ngff.metadata import LAST_DOCUMENTS, is_finished
from wsi_refocus.pipeline.engine import Engine
from wsi_refocus.pipeline.finish import PREVIEW
from wsi_refocus.pipeline.prepare import default_output
from wsi_refocus.pipeline.progress import Progress, Silence
from wsi_refocus.pipeline.refocus import refocus_with
from wsi_refocus.pipeline.summary import RunSummary
from wsi_refocus.report.page import REPORT, write_report
from wsi_refocus.storage.urls import is_remote, name_of

logger = logging.getLogger(__name__)

Export: TypeAlias = Literal["ome-tiff"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is done with slides and results beside refocusing.

    Attributes
    ----------
    scratch : str or None
        Fast folder that slides are copied to before they are read; None to read them where they lie.
    scratch_bytes : int or None
        Most that is kept there.
    export : str or None
        Format that is written beside the OME-Zarr.
    export_only : bool
        Whether the OME-Zarr is removed once the export is checked.
    compression : str
        Of the export: ``jpeg`` or ``deflate``.
    quality : int
        Of JPEG.
    """

    scratch: str | None = None
    scratch_bytes: int | None = None
    export: Export | None = None
    export_only: bool = False
    compression: Literal["jpeg", "deflate"] = "jpeg"
    quality: int = 90

    def __post_init__(self) -> None:
        if self.export_only and self.export is None:
            raise UsageError("--export-only needs to know what to export; add --export ome-tiff")


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of a slide.

    Attributes
    ----------
    summary : RunSummary
        What the run did; its output is where the result went.
    report : str or None
        Page for people, if it could be made.
    exports : tuple of str
        Files beside the output.
    """

    summary: RunSummary
    report: str | None
    exports: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Summary, report and exports in one object."""
        return self.summary.to_json() | {"report": self.report, "exports": list(self.exports)}


def deliver(
    slide: str,
    second: str | None,
    output: str | None,
    settings: RunSettings,
    delivery: Delivery,
    *,
    progress: Progress | None = None,
    csv: str | None = None,
    engine: Engine | None = None,
    accept_finished: bool = False,
    look: Callable[[Path], object] = lambda folder: None,
) -> Delivered:
    """Refocus a slide and bring the result to where it is wanted.

    A result for a bucket is made in a local folder of its own, which the same command continues, and uploaded
    when it is whole.

    Parameters
    ----------
    slide, second, output, settings, progress, csv, engine
        As of `refocus_with`; ``output`` may be a URL.
    delivery
        What else is done.
    accept_finished
        Whether a finished output of just this slide and these settings is taken as it is, instead of refused.
    look
        Called with the folder of the finished output while it surely is there.

    Raises
    ------
    RefocusError
        As of `refocus_with`; and if the export or the upload fails, after which the same command goes on with it.
    """
    progress = progress or Silence()
    wanted = str(default_output(slide)) if output is None else output
    folder = staging_folder(wanted, delivery.scratch) if is_remote(wanted) else Path(wanted)
    if is_remote(wanted) and not settings.overwrite and is_delivered(wanted, delivery):
        return _found_in_bucket(wanted, slide, second, settings, accept_finished)
    if is_remote(wanted) and not delivery.export_only:
        _require_free(wanted)
    is_there = not settings.overwrite and is_made(folder, slide, second, settings)
    exported = None if delivery.export is None else _export_place(wanted)
    if exported is not None and not settings.overwrite and not is_there and _exists(exported):
        raise OutputExistsError(f"{exported}: exists already; replace it with --overwrite or choose another -o")
    if is_there and (accept_finished or is_remote(wanted) or (exported is not None and not _exists(exported))):
        logger.info("%s: is there already, finished with the same settings", folder)
        summary = summary_of(folder)
    else:
        with contextlib.ExitStack() as stack:
            copies = _copied(slide, second, delivery, progress, stack)
            _report_thread().submit(import_module, "matplotlib.figure")  # half a second, and now there is time
            summary = refocus_with(
                slide, second, str(folder), settings, progress=progress, csv=csv, engine=engine, copies=copies
            )
    report = _report(folder)
    look(folder)
    if exported is not None:
        _export(folder, exported, delivery, settings.overwrite, progress)
    if exported is not None and delivery.export_only:
        summary, report = _only_export(folder, exported, summary)
    elif is_remote(wanted):
        summary, report = _uploaded(folder, wanted, summary, report, progress)
    return Delivered(summary, report, () if exported is None else (exported,))


def is_delivered(output: str, delivery: Delivery) -> bool:
    """Whether a result is where it was brought to: a cheap look at its last document, or at the file of the export.

    Raises
    ------
    OutputError
        If a bucket cannot be asked.
    """
    if delivery.export is not None and not _exists(_export_place(output)):
        return False
    if delivery.export_only:
        table = f"{_export_place(output).removesuffix('.ome.tiff')}.quality.parquet"
        return _exists(table) and (is_remote(output) or not Path(output).exists())
    if not is_remote(output):
        return is_finished(output)
    return any(_exists(inside(output, name)) for name in ("zarr.json", ".zattrs"))


def staging_folder(url: str, scratch: str | None) -> Path:
    """Local folder in which the result for a bucket is made; the same for the same URL."""
    root = Path(tempfile.gettempdir()) / "wsi-refocus" if scratch is None else Path(scratch)
    return root / "staging" / f"{hashlib.sha256(url.encode()).hexdigest()[:16]}.ome.zarr"


def _copied(
    slide: str, second: str | None, delivery: Delivery, progress: Progress, stack: contextlib.ExitStack
) -> dict[str, str] | None:
    """Copy the files of a slide to the scratch folder, and keep them there while ``stack`` is open."""
    if delivery.scratch is None:
        return None
    from wsi_refocus.storage.scratch import Scratch

    files = [slide] if second is None else [slide, second]
    copies = stack.enter_context(Scratch(delivery.scratch, delivery.scratch_bytes).copied(files, progress))
    return dict(zip(files, copies, strict=True))


@lru_cache(maxsize=1)
def _report_thread() -> ThreadPoolExecutor:
    """The one thread that draws: Matplotlib keeps its fonts open for every thread anew."""
    return ThreadPoolExecutor(1, "report")


def _report(folder: Path) -> str | None:
    """Page for people; that it cannot be made must not spoil a finished slide."""
    try:
        return str(_report_thread().submit(write_report, folder).result())
    except RefocusError as error:
        logger.warning("the slide is finished, but its report could not be made: %s", error)
        return None


def _require_free(url: str) -> None:
    """Refuse a place that holds somebody else's objects, before hours of work are done for it."""
    from wsi_refocus.storage.upload import require_free

    require_free(url, LAST_DOCUMENTS)


def _found_in_bucket(
    url: str, slide: str, second: str | None, settings: RunSettings, accept_finished: bool
) -> Delivered:
    """What lies in a bucket already, if it is just what is wanted."""
    with tempfile.TemporaryDirectory(prefix="wsi-refocus-") as temporary:
        folder = Path(temporary)
        if accept_finished and fetch_documents(url, folder) and is_made(folder, slide, second, settings):
            found = replace(summary_of(folder), output=url, preview=inside(url, PREVIEW))
            return Delivered(found, inside(url, REPORT))
    raise OutputExistsError(f"{url}: exists already; replace it with --overwrite or choose another output with -o")


def _export(folder: Path, place: str, delivery: Delivery, overwrite: bool, progress: Progress) -> None:
    """Write the export beside the output, or where it is brought to a bucket from."""
    from wsi_refocus.pipeline.export import export_output
    from wsi_refocus.storage.upload import upload_file

    if _exists(place) and not overwrite:
        return  # of this output: that was seen to before
    file = folder.with_suffix(".tiff") if is_remote(place) else Path(place)
    export_output(folder, file, delivery.compression, delivery.quality, progress, overwrite=True)
    if is_remote(place) and not delivery.export_only:
        upload_file(file, place)
        file.unlink()


def _export_place(wanted: str) -> str:
    """File of the export: named like the output, beside it."""
    return f"{wanted.rstrip('/').removesuffix('.zarr').removesuffix('.ome')}.ome.tiff"


def _exists(place: str) -> bool:
    if not is_remote(place):
        return Path(place).exists()
    from wsi_refocus.storage.upload import exists

    return exists(place)


def _only_export(folder: Path, export: str, summary: RunSummary) -> tuple[RunSummary, str | None]:
    """Remove the OME-Zarr; its table and report go beside the export."""
    from wsi_refocus.pipeline.export import keep_only_export
    from wsi_refocus.storage.upload import upload_file

    local = folder.with_suffix(".tiff") if is_remote(export) else Path(export)
    kept = keep_only_export(folder, local)
    report = None if kept.report is None else str(kept.report)
    if is_remote(export):
        stem = name_of(export).removesuffix(".ome.tiff")
        for file in (kept.quality, kept.report):
            if file is not None:
                place = inside(folder_of(export), f"{stem}.{'.'.join(file.name.split('.')[-2:])}")
                report = place if file == kept.report else report
                upload_file(file, place)
                file.unlink()
        upload_file(local, export)
        local.unlink()
    return replace(summary, output=export, preview=export), report


def _uploaded(
    folder: Path, url: str, summary: RunSummary, report: str | None, progress: Progress
) -> tuple[RunSummary, str | None]:
    """Upload an output, and forget the local one."""
    from wsi_refocus.storage.upload import upload_output

    upload_output(folder, url, root_documents=LAST_DOCUMENTS, progress=progress)
    shutil.rmtree(folder)

    def there(path: str) -> str:
        return inside(url, Path(path).relative_to(folder).as_posix())

    moved = replace(summary, output=url, preview=there(summary.preview))
    return moved, None if report is None else there(report)
