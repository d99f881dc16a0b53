"""The report of a run: one page that tells people what was done with a slide and how far to believe it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.errors import OutputError, RefocusError
from wsi_refocus.ngff.files import explained, write_whole
from wsi_refocus.pipeline.finish import RECORD
from wsi_refocus.quality.record import Decision
from wsi_refocus.report import numbers
from wsi_refocus.report.cellmap import CellMap, decision_map, measure_map, underlay
from wsi_refocus.report.charts import histogram, topography
from wsi_refocus.report.contents import Contents, read_contents
from wsi_refocus.report.origin import calibration, coverage, is_calibrated, origin, policy
from wsi_refocus.report.overview import after_picture, before_picture, detail
from wsi_refocus.report.rendering import number, render
from wsi_refocus.report.shots import Shots, opened_shots
from wsi_refocus.report.tiles import anchors, gallery, ranked, weakest_by
from wsi_refocus.report.wording import measure
from wsi_refocus.tiling.grid import CELL

REPORT = "report/index.html"
"""Where the report lies in an output."""
_MAPS = ("gain_bound", "psnr_bound")

P = ParamSpec("P")
Made = TypeVar("Made")


def write_report(output: str | Path, file: str | Path | None = None) -> Path:
    """Make the report of a finished output; the same output gives the same page.

    Parameters
    ----------
    output
        Folder of the output.
    file
        File to write; by default ``report/index.html`` in the output.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    RefocusError
        Whatever goes wrong: the folder is no finished output, or the page cannot be made or written. The output
        itself is never touched.
    """
    path = Path(file) if file is not None else Path(output) / REPORT
    try:
        page = make_page(Path(output))
    except RefocusError:
        raise
    except Exception as error:
        # a slide that took hours must not be lost to a page about it
        what = " ".join(f"{type(error).__name__}: {error}".split())
        raise OutputError(f"{output}: no report could be made ({what}); the slide itself is whole") from error
    with explained(path):
        write_whole(path, page.encode("utf-8"))
    return path


def make_page(output: Path) -> str:
    """Make the page.

    Parameters
    ----------
    output
        Folder of a finished output.

    Returns
    -------
    str
        HTML document that loads nothing from elsewhere.

    Raises
    ------
    RefocusError
        If the folder is no finished output, or is damaged.
    """
    contents = read_contents(output)
    overview = contents.overview()
    try:
        with opened_shots(contents) as shots:
            pictures = _pictures(contents, overview, shots)
    except RefocusError as error:
        pictures = _pictures(contents, overview, None) | {"shots_problem": str(error)}
    return render(
        "report.html.j2",
        **pictures,
        **_maps(contents, overview),
        **_charts(contents),
        **_words(contents),
    )


def _words(contents: Contents) -> dict[str, Any]:
    """Text and tables."""
    mpp, size = contents.mpp, contents.size
    return {
        "name": contents.name,
        "counts": numbers.counts(contents),
        "verdict": numbers.verdict(contents),
        "reasons": numbers.reasons(contents),
        "doubtful": numbers.doubtful(contents),
        "lines": numbers.lines(contents),
        "truth": numbers.truth(contents),
        "calibration": calibration(contents),
        "calibrated": is_calibrated(contents),
        "coverage": f"{coverage(contents):.0%}".replace("%", " %"),
        "policy": policy(contents),
        "origin": origin(contents),
        "provenance": contents.provenance,
        "method": contents.part("method").get("name") or "unknown",
        "has_icc": contents.part("slide").get("icc_profile") is not None,
        "size": size,
        "extent_mm": None if mpp is None else [number(size[axis] * mpp[axis] / 1000, 1) for axis in range(2)],
        "cell_mm": None if mpp is None else number(CELL * mpp[1] / 1000, 2),
        "shift": numbers.shift_words(contents),
        "cell": CELL,
        "tissue_tiles": len(contents.tissue),
    }


def _pictures(contents: Contents, overview: NDArray[np.uint8], shots: Shots | None) -> dict[str, Any]:
    """Before and after, and the galleries."""
    after = after_picture(overview, _after_alt(contents))
    before = place = None
    problems: list[str] = []
    if shots is not None:
        before = _tried(problems, before_picture, shots, after)
        if shots.aligned:
            place = _tried(problems, detail, contents, shots)
        else:
            problems.append(f"the output holds no {RECORD}, so that its shots cannot be laid on its grid again")
    column = weakest_by(contents)
    weakest = [] if column is None else gallery(
        contents, ranked(contents, column, ascending=True), shots, "weakest", {}
    )  # fmt: skip
    changed = []
    if contents.measured("change").size:
        rows = ranked(contents, "change", ascending=False)
        changed = gallery(contents, rows, shots, "changed", anchors(weakest))
    return {
        "before": before,
        "after": after,
        "detail": place,
        "weakest": weakest,
        "weakest_by": None if column is None else measure(column).label,
        "changed": changed,
        "shots_problem": "; ".join(problems),
    }


def _tried(problems: list[str], make: Callable[P, Made], *args: P.args, **kwargs: P.kwargs) -> Made | None:
    """What can be made of the shots; None, and one more problem, where they cannot be read."""
    try:
        return make(*args, **kwargs)
    except RefocusError as error:
        problems.append(str(error))
        return None


def _after_alt(contents: Contents) -> str:
    tiles = numbers.counts(contents)
    return f"The whole slide as written: {tiles['refocused']:,} of {tiles['total']:,} tiles refocused."


def _maps(contents: Contents, overview: NDArray[np.uint8]) -> dict[str, Any]:
    maps: list[CellMap | None] = [measure_map(contents, column) for column in _MAPS]
    return {
        "underlay": underlay(overview),
        "decisions": decision_map(contents),
        "bounds": [each for each in maps if each is not None],
        "drift_map": measure_map(contents, "drift_um"),
        "outline": (contents.size.width / CELL, contents.size.height / CELL),
    }


def _charts(contents: Contents) -> dict[str, Any]:
    gains = {"predicted": contents.measured("gain_predicted"), "bound": contents.measured("gain_bound")}
    drift, spacing = contents.measured("drift_um"), contents.measured("spacing_um")
    return {
        "gain_chart": histogram(gains, "gain over the sharper shot", "dB", signed=True),
        "drift_chart": histogram({"drift": drift}, "focus drift δ̂", "µm", signed=True),
        "shift_chart": histogram({"shift": _shifts(contents)}, "shift of the planes", "px"),
        "topography": _topography(contents),
        "spacing_um": number(float(np.median(spacing))) if spacing.size else None,
        "expected_um": _expected_spacing(contents),
    }


def _shifts(contents: Contents) -> NDArray[np.float64]:
    if not {"shift_y_px", "shift_x_px"} <= set(contents.table.columns):
        return np.empty(0)
    rows = contents.tissue[["shift_y_px", "shift_x_px"]].to_numpy(float)
    lengths = np.hypot(rows[:, 0], rows[:, 1])
    return np.asarray(lengths[np.isfinite(lengths)], np.float64)


def _topography(contents: Contents) -> Any:
    table, mpp = contents.table, contents.mpp
    if mpp is None or "drift_um" not in table:
        return None
    heights = np.full((int(table["iy"].max()) + 1, int(table["ix"].max()) + 1), np.nan)
    values = table["drift_um"].where(table["decision"] != Decision.BACKGROUND.value).to_numpy(float)
    heights[table["iy"].to_numpy(int), table["ix"].to_numpy(int)] = values
    return topography(heights, (CELL * mpp[0], CELL * mpp[1]), "focus drift δ̂")


def _expected_spacing(contents: Contents) -> str | None:
    offset = contents.part("method").get("defocus_offset_um")
    return number(2 * offset) if isinstance(offset, int | float) else None
