"""By which names files and folders are taken for slides."""

from __future__ import annotations

SLIDE_SUFFIXES = frozenset(
    f".{ending}"
    for ending in "tif tiff svs ndpi mrxs scn vms vmu bif svslide zarr dcm czi qptiff btf tf2 tf8".split()  # noqa: SIM905
)
"""Endings by which files in folders are taken for slides; a file that is named itself may have any."""
WITH_FOLDERS = (".mrxs",)
"""Endings of slides most of which lies in a folder of the same name beside them."""
