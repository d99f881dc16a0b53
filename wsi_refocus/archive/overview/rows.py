"""What the ledger knows of a slide, as one flat row.

Records come from other versions and other machines, and a crash may have cut them off: what is missing in one, or
is not what it should be, is empty in the row.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from wsi_refocus.archive.ledger import SlideRecord

Kind: TypeAlias = Literal["text", "whole", "number"]
Row: TypeAlias = dict[str, Any]

COLUMNS: Mapping[str, Kind] = MappingProxyType(
    {
        "state": "text", "slide": "text", "second": "text", "output": "text", "error": "text", "error_kind": "text",
        "tries": "whole", "seconds": "number", "seconds_all_tries": "number", "began": "text",
        "last_began": "text", "ended": "text",
        "host": "text", "process": "text", "unusual": "text", "height_px": "whole", "width_px": "whole",
        "megapixels": "number", "mpp_y": "number", "mpp_x": "number", "tiles": "whole", "refocused": "whole",
        "kept": "whole", "flagged": "whole", "background": "whole", "doubtful_share": "number",
        "gain_bound_p10_db": "number", "gain_bound_median_db": "number", "psnr_bound_p10_db": "number",
        "psnr_bound_median_db": "number", "drift_p10_um": "number", "drift_median_um": "number",
        "drift_p90_um": "number", "shift_y_px": "number", "shift_x_px": "number", "shift_px": "number",
        "psnr_input_db": "number", "psnr_output_db": "number", "ssim_input": "number", "ssim_output": "number",
        "megapixels_per_second": "number", "peak_rss_mb": "number", "method": "text", "checkpoint": "text",
        "report": "text", "exports": "text", "options": "text", "origin": "text", "key": "text",
    }
)  # fmt: skip
"""Columns of the archive's table, and what is in them; ``exports`` and ``options`` are JSON."""
STATES = ("failed", "released", "running", "waiting", "done")
"""States of a slide, those first that need somebody to look."""
UNKNOWN = "unknown"
"""State of a slide whose record says something else."""
_LARGEST_WHOLE = 2**53


def row_of(record: SlideRecord) -> Row:
    """One row with all of `COLUMNS`; numbers that are not known are NaN or None, texts are empty.

    Parameters
    ----------
    record
        What the ledger knows of the slide.
    """
    last = record.tries[-1] if record.tries else None
    end = {} if last is None or last.end is None else last.end
    entry, result = record.entry, end.get("result")
    options = entry.get("options")
    return _result(result) | {
        "key": record.key,
        "state": record.state if record.state in STATES else UNKNOWN,
        "slide": _text(entry.get("slide")) or record.key,
        "second": _text(entry.get("second")),
        "output": _text(_at(result, "output")) or _text(entry.get("output")),
        "origin": _text(entry.get("origin")),
        "options": json.dumps(options, ensure_ascii=False) if options else "",
        "tries": len(record.tries),
        "error": " ".join(_text(end.get("error")).split()),
        "error_kind": _text(end.get("kind")),
        "seconds": _number(end, "seconds"),
        "seconds_all_tries": sum(_known(_number(each.end, "seconds") for each in record.tries)),
        "began": _text(record.tries[0].holder.get("began")) if record.tries else "",
        "last_began": _text(last.holder.get("began")) if last else "",
        "ended": _text(end.get("ended")),
        "host": _text(last.holder.get("host")) if last else "",
        "process": _text(last.holder.get("process")) if last else "",
        "unusual": "",
    }


def _result(result: Any) -> Row:
    """What the run said at its end: `RunSummary.to_json` and what the archive added to it."""
    height, width = _whole(result, "shape", 0), _whole(result, "shape", 1)
    tiles = {name: _whole(result, "tiles", name) for name in ("refocused", "kept", "flagged", "background")}
    tissue = sum(tiles[name] or 0 for name in ("refocused", "kept", "flagged"))
    doubtful = (tiles["kept"] or 0) + (tiles["flagged"] or 0)
    shift = _number(result, "shift_px", 0), _number(result, "shift_px", 1)
    exports = _at(result, "exports")
    return {
        "height_px": height,
        "width_px": width,
        "megapixels": math.nan if height is None or width is None else height * width / 1e6,
        "mpp_y": _number(result, "mpp", 0),
        "mpp_x": _number(result, "mpp", 1),
        "tiles": _whole(result, "tiles", "total"),
        **tiles,
        "doubtful_share": doubtful / tissue if tissue else math.nan,
        "gain_bound_p10_db": _number(result, "bounds", "gain_bound", "p10"),
        "gain_bound_median_db": _number(result, "bounds", "gain_bound", "median"),
        "psnr_bound_p10_db": _number(result, "bounds", "psnr_bound", "p10"),
        "psnr_bound_median_db": _number(result, "bounds", "psnr_bound", "median"),
        **{f"drift_{name}_um": _number(result, "drift_um", name) for name in ("p10", "median", "p90")},
        "shift_y_px": shift[0],
        "shift_x_px": shift[1],
        "shift_px": math.hypot(*shift),
        "psnr_input_db": _number(result, "psnr_db", "input"),
        "psnr_output_db": _number(result, "psnr_db", "output"),
        "ssim_input": _number(result, "ssim", "input"),
        "ssim_output": _number(result, "ssim", "output"),
        "megapixels_per_second": _number(result, "megapixels_per_second"),
        "peak_rss_mb": _number(result, "peak_rss_mb"),
        "method": _text(_at(result, "method")),
        "checkpoint": _text(_at(result, "checkpoint")),
        "report": _text(_at(result, "report")),
        "exports": json.dumps(exports, ensure_ascii=False) if isinstance(exports, list) and exports else "",
    }


def _at(content: Any, *path: str | int) -> Any:
    """What lies at a path of keys and positions; None if there is nothing."""
    for step in path:
        if isinstance(step, str) and isinstance(content, Mapping):
            content = content.get(step)
        elif isinstance(step, int) and isinstance(content, Sequence) and step < len(content):
            content = content[step]
        else:
            return None
    return content


def _number(content: Any, *path: str | int) -> float:
    value = _at(content, *path)
    try:
        known = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    except OverflowError:
        return math.nan
    return known if math.isfinite(known) else math.nan


def _whole(content: Any, *path: str | int) -> int | None:
    value = _number(content, *path)
    return int(value) if 0 <= value < _LARGEST_WHOLE else None


def _known(values: Any) -> list[float]:
    return [value for value in values if not math.isnan(value)]


def _text(value: Any) -> str:
    return "" if value is None else str(value)
