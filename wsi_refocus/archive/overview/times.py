"""Times for people."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from wsi_refocus.report.rendering import NOT_MEASURED, number


def duration(seconds: float | None) -> str:
    """Write a time with no more digits than anybody reads.

    Parameters
    ----------
    seconds
        Time in s; None and NaN are not known.
    """
    if seconds is None or not math.isfinite(seconds):
        return NOT_MEASURED
    if seconds < 59.95:
        return f"{number(seconds, 1)} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours:,} h {minutes} min"


def moment(stamp: str) -> str:
    """Write a time stamp of the ledger, which is in UTC; anything else stays as it is.

    Parameters
    ----------
    stamp
        As ``2026-02-03T04:05:06+00:00``.
    """
    try:
        when = datetime.fromisoformat(stamp)
    except ValueError:
        return stamp
    return f"{when:%Y-%m-%d %H:%M}{' UTC' if when.utcoffset() == timedelta(0) else ''}"
