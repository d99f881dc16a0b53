"""Manifests: a table of slides, with settings of their own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wsi_refocus.archive.entry import Refused
from wsi_refocus.archive.pairs import Slide
from wsi_refocus.archive.table_file import read_table
from wsi_refocus.config import OF_THE_WORK, RunSettings, make_settings
from wsi_refocus.errors import UsageError
from wsi_refocus.storage.urls import is_remote, require_public

OWN_COLUMNS = ("slide", "second", "z", "z1", "z2", "output")
"""Columns that are no settings. ``z1`` and ``z2``, or ``z`` as ``-0.75,0.75``, are the heights in µm of the planes."""
COMMON = OF_THE_WORK | {"device", "z_um"}
"""Settings that a row cannot have: they belong to the machine, or have columns of their own."""
_NUMBERS = frozenset({"planes", "region"})
_FILES = frozenset({"checkpoint", "profile"})


def read_manifest(file: Path) -> tuple[list[tuple[Slide, str | None]], list[Refused]]:
    """Read a manifest of slides.

    Parameters
    ----------
    file
        CSV (comma, semicolon or tab; UTF-8) or Parquet. The column ``slide`` has to be there; ``second``, ``z1`` and
        ``z2`` (or ``z``), ``output`` and fields of `RunSettings` may be. Relative paths count from the manifest's
        folder. Empty cells say nothing.

    Returns
    -------
    slides : list of (Slide, str or None)
        Slides and their outputs, None where the default is meant.
    refused : list of Refused
        Rows whose files are not there.

    Raises
    ------
    UsageError
        If the manifest cannot be read, has columns that mean nothing, or settings that are wrong.
    """
    columns, rows = read_table(file)
    allowed = {*OWN_COLUMNS, *RunSettings.model_fields} - COMMON
    unknown = [name for name in columns if name not in allowed]
    if "slide" not in columns or unknown:
        problem = f"unknown column {', '.join(unknown)}" if unknown else "no column slide"
        raise UsageError(f"{file}: {problem}; columns are {', '.join(sorted(allowed))}")
    slides: list[tuple[Slide, str | None]] = []
    refused: list[Refused] = []
    for number, cells in rows:
        if "slide" not in cells:
            raise UsageError(f"{file}: row {number} names no slide")
        files = tuple(_place(file, cells[name]) for name in ("slide", "second") if name in cells)
        missing = [path for path in files if not is_remote(path) and not os.path.exists(path)]  # noqa: PTH110
        origin = f"row {number} of {file.name}"
        if missing:
            refused.append(Refused(files, f"{missing[0]} does not exist ({origin}); check the path"))
        elif len(set(files)) < len(files):
            refused.append(Refused(files[:1], f"is named as its own second file ({origin}); name another"))
        else:
            options = _options(file, number, cells)
            slides.append((Slide(files, origin, options), _place(file, cells["output"]) if "output" in cells else None))
    return slides, refused


def _place(file: Path, value: object) -> str:
    path = str(value)
    if is_remote(path):
        require_public(path)
        return path
    return str(file.parent / path)


def _options(file: Path, number: int, cells: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a row, checked and of their types."""
    given = {name: _setting(name, value) for name, value in cells.items() if name not in OWN_COLUMNS}
    for name in _FILES & given.keys():
        given[name] = str(file.parent / str(given[name]))
    if "reference" in given and not str(given["reference"]).startswith("plane:"):
        given["reference"] = _place(file, given["reference"])
    if ("z1" in cells) != ("z2" in cells) or ("z" in cells and "z1" in cells):
        raise UsageError(f"{file}: row {number} has to have both of z1 and z2, or z, or none of them")
    if "z1" in cells:
        given["z_um"] = (cells["z1"], cells["z2"])
    elif "z" in cells:
        given["z_um"] = _split(cells["z"])
    try:
        settings = make_settings(**given)
    except UsageError as error:
        raise UsageError(f"{file}: row {number}: {error}") from None
    return {name: getattr(settings, name) for name in given}


def _setting(name: str, value: Any) -> Any:
    """Cell of a setting, as `RunSettings` takes it: pairs as ``2,7``, limits as ``chi2=30 gain=0``."""
    if name in _NUMBERS:
        return _split(value)
    if name == "limits" and isinstance(value, str):
        return {key: amount for key, _, amount in (part.partition("=") for part in value.replace(";", " ").split())}
    return value


def _split(value: Any) -> tuple[Any, ...]:
    if isinstance(value, str):
        return tuple(value.replace(";", ",").split(","))
    return tuple(value) if isinstance(value, list) else (value,)
