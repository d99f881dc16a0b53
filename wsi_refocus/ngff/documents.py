"""Group documents: the JSON that makes a folder an OME-Zarr group."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wsi_refocus.ngff.compressor import Version
from wsi_refocus.ngff.files import write_whole


def write_group(path: Path, version: Version, attributes: Mapping[str, Any]) -> None:
    """Make a folder a group, in one atomic step.

    In zarr v2 a group is two files. The attributes come last: some readers look at nothing else.

    Parameters
    ----------
    path
        Folder of the group.
    version
        Version of OME-NGFF.
    attributes
        Attributes of the group. NaN and infinity, which JSON does not have, become null.
    """
    for name, content in group_documents(version, attributes).items():
        write_whole(path / name, content)


def group_documents(version: Version, attributes: Mapping[str, Any]) -> dict[str, bytes]:
    """Documents that `write_group` writes: name and content, in the order in which they are written."""
    content = plain(attributes)
    if version == "0.5":
        return {"zarr.json": _json({"zarr_format": 3, "node_type": "group", "attributes": content})}
    return {".zgroup": _json({"zarr_format": 2}), ".zattrs": _json(content)}


def read_attributes(path: Path) -> dict[str, Any] | None:
    """Read the attributes of a group of either version; None where there is no whole group."""
    document = _read(path / "zarr.json")
    if document is not None:
        attributes = document.get("attributes", {}) if document.get("node_type") == "group" else None
    elif _read(path / ".zgroup") is not None:
        attributes = _read(path / ".zattrs")
    else:
        return None
    return attributes if isinstance(attributes, dict) else None


def plain(value: Any) -> Any:
    """Reduce a value to what JSON holds: numpy scalars and arrays, paths, NaN and infinity are replaced."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def _json(content: object) -> bytes:
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False).encode("utf-8")


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
