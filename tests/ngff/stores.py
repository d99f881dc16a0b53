"""Small outputs with random pixels, and an audit of the files that are opened while one is written."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.geometry import Size
from wsi_refocus.ngff.compressor import Version
from wsi_refocus.ngff.layout import StoreLayout
from wsi_refocus.ngff.pyramid import write_coarse_levels
from wsi_refocus.ngff.store import create_store, write_shard


def small_layout(height: int, width: int, version: Version = "0.5", compressor: str = "zstd") -> StoreLayout:
    """Layout with the proportions of the real one, an eighth of its edges."""
    return StoreLayout(Size(height, width), (0.5, 0.25), version, compressor, chunk=64, shard=256)


def random_pixels(layout: StoreLayout, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (*layout.size, 3), np.uint8)


def write_slide(path: Path, layout: StoreLayout, pixels: NDArray[np.uint8]) -> Path:
    """Write all levels, but nothing that makes it a finished output."""
    create_store(path, layout)
    for index in layout.shards:
        write_shard(path, layout, index, pixels[layout.shard_region(index).slices])
    write_coarse_levels(path, layout)
    return path


def contents(path: Path) -> dict[str, bytes]:
    """Every file below a folder, by its relative path."""
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in path.rglob("*") if file.is_file()}


_recorder: list[tuple[str, bool]] | None = None
_hooked = False


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and _recorder is not None:
        path, mode = arguments[0], arguments[1]
        if isinstance(mode, str):
            reading = mode.startswith("r") and "+" not in mode
            if not reading or Path(str(path)).exists():  # zarr looks for what is absent by trying to read it
                _recorder.append((str(path), reading))


@contextmanager
def opened_files() -> Iterator[list[tuple[str, bool]]]:
    """Record the files that Python opens: path, and whether only for reading."""
    global _recorder, _hooked
    if not _hooked:
        sys.addaudithook(_hook)
        _hooked = True
    _recorder = record = []
    try:
        yield record
    finally:
        _recorder = None
