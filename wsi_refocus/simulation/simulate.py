"""Simulating a scan of a whole slide, in bounded memory."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from wsi_refocus.errors import OutputError, SlideError, UsageError
from wsi_refocus.geometry import Region
from wsi_refocus.simulation.acquisition import Pass, SlideAcquisition
from wsi_refocus.simulation.blocks import BLOCK, Pixels, simulated_block
from wsi_refocus.slide.ome_tiff_writer import write_ome_tiff
from wsi_refocus.slide.open import open_slide
from wsi_refocus.slide.source import SlideSource


def simulate_slide(
    slide: str | Path,
    output: str | Path,
    acquisition: SlideAcquisition,
    *,
    truth: str | Path | None = None,
    region: Region | None = None,
    mpp: float | None = None,
    quality: int = 90,
    overwrite: bool = False,
    begin: Callable[[int], None] = lambda _: None,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Make a slide of several focal planes of one in focus.

    Parameters
    ----------
    slide
        Slide in focus, in any format that is read; of several planes the first is taken.
    output
        OME-TIFF to write, with what was drawn beside it as JSON.
    acquisition
        The scan.
    truth
        OME-TIFF to write the truth to: in focus, on the grid of the first plane.
    region
        Part of the slide; None for all of it.
    mpp
        µm per pixel, where the slide does not say.
    quality, overwrite
        JPEG quality of what is written, and whether existing files are replaced.
    begin, progress
        Called with the number of blocks, and with 1 for each that is done.

    Returns
    -------
    dict
        What was written beside the output.

    Raises
    ------
    SlideError
        If the slide cannot be read or does not say how large its pixels are.
    UsageError
        If the region does not lie on the slide.
    OutputError
        If a file exists already or cannot be written.
    """
    record_file = Path(output).with_name(re.sub(r"(\.ome)?\.tiff?$", "", Path(output).name) + ".json")
    files = [Path(output), record_file, *([] if truth is None else [Path(truth)])]
    _refuse_existing(files, overwrite)
    with ExitStack() as stack:
        source = stack.enter_context(open_slide(str(slide)))
        region, pixel = _settled(source, str(slide), region, mpp)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=files[0].absolute().parent)))
        taken = [*acquisition.passes, *([None] if truth is not None else [])]
        begin(len(taken) * len(_blocks(region)))
        planes = _simulated(_reader(source, region), region, acquisition, taken, pixel, folder, progress)
        note = f"Simulated by wsi-refocus from {Path(slide).name}: {json.dumps(acquisition.record())}"
        heights = [each.z_um for each in acquisition.passes]
        write_ome_tiff(files[0], planes[: len(heights)], heights, pixel, quality=quality, description=note)
        if truth is not None:
            write_ome_tiff(files[2], planes[len(heights) :], [0.0], pixel, quality=quality, description=note)
    where = {"source": Path(slide).name, "mpp": pixel, "region": [region.y, region.x, *region.size]}
    record = where | acquisition.record() | {"jpeg_quality": quality}
    record_file.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return record


def _simulated(
    read: Callable[[int, int, int, int], Pixels], region: Region, acquisition: SlideAcquisition,
    taken: Sequence[Pass | None], mpp: float, folder: Path, progress: Callable[[int], None],
) -> list[Pixels]:  # fmt: skip
    """Planes mapped from files in a folder; one for every pass, and for None the truth."""
    planes: list[Pixels] = []
    for number, each in enumerate(taken):
        plane = np.lib.format.open_memmap(folder / f"{number}.npy", "w+", np.uint8, (*region.size, 3))
        for block in _blocks(region):
            place = (block.y, block.x, block.size)
            plane[block.slices] = simulated_block(read, acquisition, each, number, mpp, *place)
            progress(1)
        planes.append(plane)
    return planes


def _settled(source: SlideSource, name: str, region: Region | None, mpp: float | None) -> tuple[Region, float]:
    """The part to simulate, and its µm per pixel."""
    info = source.info
    region = region or Region.whole(info.size)
    if region.y1 > info.size.height or region.x1 > info.size.width:
        raise UsageError(f"{name}: the region reaches beyond its {info.size.height} × {info.size.width} pixels")
    if mpp is None and info.mpp is None:
        raise SlideError(f"{name}: does not say how large its pixels are; name it with --mpp")
    return region, float(mpp if mpp is not None else info.mpp[0])  # type: ignore[index]


def _refuse_existing(files: list[Path], overwrite: bool) -> None:
    for file in files:
        if file.exists() and not overwrite:
            raise OutputError(f"{file}: exists already; choose another output or add --overwrite")
        if not file.absolute().parent.is_dir():
            raise OutputError(f"{file}: its folder does not exist; make it first")


def _blocks(region: Region) -> list[Region]:
    """Parts of a region, counted from its corner."""
    return [
        Region(y, x, min(BLOCK, region.height - y), min(BLOCK, region.width - x))
        for y in range(0, region.height, BLOCK)
        for x in range(0, region.width, BLOCK)
    ]


def _reader(source: SlideSource, region: Region) -> Callable[[int, int, int, int], Pixels]:
    """Reader of a region whose edge is continued by its mirror image."""

    def read(y: int, x: int, height: int, width: int) -> Pixels:
        top, left = max(0, y), max(0, x)
        bottom, right = min(region.height, y + height), min(region.width, x + width)
        part = source.read_region(0, 0, Region(region.y + top, region.x + left, bottom - top, right - left))
        around = ((top - y, y + height - bottom), (left - x, x + width - right), (0, 0))
        return np.pad(part, around, mode="symmetric")

    return read
