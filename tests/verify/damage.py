"""Damage to an output, as disks, copies and people do it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import zarr

from wsi_refocus.ngff.checksums import CHECKSUMS, write_checksums
from wsi_refocus.ngff.tables import read_quality, write_quality


def root_of(output: Path) -> Path:
    """The document that makes a folder an output."""
    return next(output / name for name in ("zarr.json", ".zattrs") if (output / name).is_file())


def is_sharded(output: Path) -> bool:
    return root_of(output).name == "zarr.json"


def shard(output: Path, level: str, iy: int, ix: int) -> Path:
    """File of an array."""
    return output / level / ("c/0" if is_sharded(output) else "0") / str(iy) / str(ix)


def flip(file: Path, place: float = 0.5) -> None:
    """Turn one bit of a file, in the middle unless said otherwise."""
    content = bytearray(file.read_bytes())
    content[int(len(content) * place)] ^= 1
    file.write_bytes(content)


def edit_root(output: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the provenance."""
    file = root_of(output)
    document = json.loads(file.read_text(encoding="utf-8"))
    change(document.get("attributes", document)["wsi_refocus"])
    file.write_text(json.dumps(document, indent=2, ensure_ascii=False), encoding="utf-8")


def edit_table(output: Path, change: Callable[[pd.DataFrame], pd.DataFrame | None]) -> None:
    """Change the quality table, in place or by giving back another."""
    table = read_quality(output)
    changed = change(table)
    write_quality(output, table if changed is None else changed)


def edit_pixels(output: Path, level: str, y: int, x: int) -> None:
    """Write a sound shard with another pixel."""
    array = zarr.open_array(output / level, mode="r+")
    array[:, y, x] = 255 - np.asarray(array[:, y, x])


def vouch(output: Path) -> None:
    """Make the checksums anew, as somebody would who covers up a change."""
    write_checksums(output, {})


def make_older(output: Path) -> None:
    """What a version without checksums would have written."""
    (output / CHECKSUMS).unlink()
    edit_root(output, lambda provenance: provenance["slide"].pop("checksums"))
