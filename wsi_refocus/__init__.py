"""Refocus whole slides scanned at two focal planes.

Examples
--------
>>> import wsi_refocus
>>> summary = wsi_refocus.refocus_slide("slide.ome.tiff")  # doctest: +SKIP
>>> tiles = wsi_refocus.read_quality(summary.output)  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsi_refocus.ngff.metadata import read_provenance
    from wsi_refocus.ngff.tables import read_quality
    from wsi_refocus.pipeline.refocus import refocus_slide
    from wsi_refocus.slide.open import open_slide

__version__ = "0.1.0"

__all__ = ["__version__", "open_slide", "read_provenance", "read_quality", "refocus_slide"]

_HOMES = {
    "open_slide": "wsi_refocus.slide.open",
    "read_provenance": "wsi_refocus.ngff.metadata",
    "read_quality": "wsi_refocus.ngff.tables",
    "refocus_slide": "wsi_refocus.pipeline.refocus",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for only now: ``import wsi_refocus`` alone costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
