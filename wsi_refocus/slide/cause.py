"""Errors of other libraries, short enough for the one line of an own error."""

from __future__ import annotations

_LONGEST = 80


def cause(error: BaseException) -> str:
    """First line of an error's message, at most 80 characters; its type where there is no message."""
    lines = str(error).strip().splitlines()
    return lines[0][:_LONGEST] if lines else type(error).__name__
