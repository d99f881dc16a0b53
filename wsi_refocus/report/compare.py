"""Two outputs side by side, or an output and the truth: numbers, and a page to look at."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from wsi_refocus.ngff.documents import plain
from wsi_refocus.ngff.files import explained, write_whole
from wsi_refocus.pipeline.progress import Progress, Silence
from wsi_refocus.report.compare_cells import (
    CellDifference,
    Over,
    bound_held,
    decisions_of,
    differing_decisions,
    gains,
    measure_differences,
    over,
    worst,
)
from wsi_refocus.report.compare_page import comparison_page
from wsi_refocus.report.compare_sides import opened_pair
from wsi_refocus.report.contents import Contents
from wsi_refocus.report.rendering import number

WORST = 6
"""Cells that are shown one to one where nothing else is said."""
SUFFIX = ".compare.html"


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two sides differ.

    Attributes
    ----------
    a, b : dict
        Path, kind (``output`` or ``truth``), method and decisions of either side.
    tissue, whole : Over or None
        Differences over the cells with tissue, and over all.
    decisions_differ : int or None
        Cells in which two outputs decided differently.
    gain : dict
        Gain over the sharper shot as both outputs say of themselves, where they do.
    bound_held : dict or None
        In how many refocused cells the bound of the PSNR held against the truth.
    shift_px : tuple of float or None
        How far (y, x) the truth was moved to lie on the output.
    notes : tuple of str
        What may be behind differences.
    worst : list of CellDifference
        Cells that differ most, the worst first.
    page : str
        The page.
    """

    a: dict[str, Any]
    b: dict[str, Any]
    tissue: Over | None
    whole: Over | None
    decisions_differ: int | None
    gain: dict[str, list[dict[str, float]]]
    bound_held: dict[str, Any] | None
    shift_px: tuple[float, float] | None
    notes: tuple[str, ...]
    worst: list[CellDifference]
    page: str = ""

    def to_json(self) -> dict[str, Any]:
        """Content of the JSON object that ``--json`` prints; an infinite PSNR is null."""
        content: dict[str, Any] = plain(asdict(self))
        content["worst"] = [
            plain({**each.cell._asdict(), **each.place._asdict(), "psnr_db": each.psnr, "ssim": each.ssim,
                   "mean_absolute_difference": each.absolute, "decision_a": each.decision_a or None,
                   "decision_b": each.decision_b or None})
            for each in self.worst
        ]  # fmt: skip
        return content

    def to_text(self) -> str:
        """Short table for a person."""
        lines = [f"A  {self.a['path']} ({self.a['method']})", f"B  {self.b['path']} ({self.b['method']})", ""]
        lines.append(f"{'':<22}{'tissue':>10}{'all':>10}")
        for label, values in self.rows():
            lines.append(f"{label:<22}{values[0]:>10}{values[1]:>10}")
        for name, side in (("A", self.a), ("B", self.b)):
            if side["decisions"] is not None:
                counts = ", ".join(f"{count} {decision}" for decision, count in side["decisions"].items())
                lines.append(f"decisions of {name}: {counts}")
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join([*lines, f"Page: {self.page}"])

    def rows(self) -> list[tuple[str, tuple[str, str]]]:
        """Lines of the table: what, and its value over the tissue and over all."""
        both = (self.tissue, self.whole)

        def line(label: str, attribute: str, digits: int) -> tuple[str, tuple[str, str]]:
            values = [math.nan if each is None else getattr(each, attribute) for each in both]
            first, second = ("same" if value == math.inf else number(float(value), digits) for value in values)
            return label, (first, second)

        return [
            line("tiles", "cells", 0),
            line("identical tiles", "identical", 0),
            line("PSNR overall, dB", "psnr", 2),
            line("PSNR median, dB", "psnr_median", 2),
            line("PSNR worst, dB", "psnr_worst", 2),
            line("SSIM median", "ssim_median", 4),
            line("SSIM worst", "ssim_worst", 4),
            line("difference, levels", "absolute", 3),
        ]


def compare(
    a: str | Path,
    b: str | Path,
    file: str | Path | None = None,
    *,
    most: int = WORST,
    progress: Progress | None = None,
) -> Comparison:
    """Compare an output with another one or with the truth, and write a page about it.

    The slides are read cell by cell. A truth is aligned first, as `run --reference` does: shift and gain are
    measured on all cells with tissue, and it is read on the output's grid.

    Parameters
    ----------
    a
        Folder of a finished output.
    b
        Another one; or a slide of one plane, the truth.
    file
        HTML file to write; by default beside ``a``, see `default_page`.
    most
        Cells that are shown one to one.
    progress
        Who is told how far it is.

    Returns
    -------
    Comparison
        The numbers.

    Raises
    ------
    OutputError
        If ``a`` is no finished output, or the page cannot be written.
    SlideError
        If a side cannot be read, or they differ in size or in µm per pixel.
    """
    page = default_page(a) if file is None else Path(file)
    progress = progress or Silence()
    with opened_pair(Path(a), str(b), progress) as pair:
        differences = measure_differences(pair, progress)
        found = Comparison(
            a=_side("output", str(a), pair.a),
            b=_side("truth" if pair.b is None else "output", str(b), pair.b),
            tissue=over([each for each in differences if each.is_tissue]),
            whole=over(differences),
            decisions_differ=differing_decisions(pair, differences),
            gain=gains(pair),
            bound_held=bound_held(pair, differences),
            shift_px=pair.shift_px,
            notes=pair.notes,
            worst=worst(differences, most),
            page=str(page),
        )
        content = comparison_page(pair, differences, found)
    with explained(page):
        write_whole(page, content.encode("utf-8"))
    return found


def default_page(a: str | Path) -> Path:
    """Page beside an output: its name without ``.ome.zarr``, and ``.compare.html``."""
    path = Path(a)
    name = path.name
    for suffix in (".ome.zarr", ".zarr"):
        name = name.removesuffix(suffix)
    return path.with_name(name + SUFFIX)


def _side(kind: str, path: str, side: Contents | None) -> dict[str, Any]:
    method = "truth" if side is None else str(side.part("method").get("name") or "unknown method")
    return {"path": path, "kind": kind, "method": method, "decisions": decisions_of(side)}
