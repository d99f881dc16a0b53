"""What other libraries make of the same slide: ``python -m benchmarks.peers NAME SLIDE OUT``, a process each."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CHUNK = 512
LEVELS = 5
TILE = 1152
"""Edge in pixels of the tiles that wsi-tile-processor works on: what ours look at, with nothing thrown away."""


def ome_zarr_py(slide: str, output: str) -> None:
    """Write both planes as OME-Zarr with ome-zarr-py, reduced by means, from a lazy Dask array of the file."""
    import dask.array
    import tifffile
    import zarr
    from ome_zarr.scale import Methods
    from ome_zarr.writer import write_image

    pixels = dask.array.from_zarr(zarr.open_array(tifffile.imread(slide, aszarr=True), mode="r"))
    write_image(
        pixels.transpose(3, 0, 1, 2).rechunk((3, 1, CHUNK, CHUNK)),
        output,
        scale_factors=[2**level for level in range(1, LEVELS)],
        method=Methods.LOCAL_MEAN,
        axes="czyx",
        storage_options={"chunks": (3, 1, CHUNK, CHUNK)},
    )


def pyvips(slide: str, output: str) -> None:
    """Decode both planes with libvips, and write their mean as a pyramid of Deflate tiles.

    Its wheel has no Zstandard, so the codec is a slower one than ours.
    """
    import pyvips

    first, second = (pyvips.Image.new_from_file(f"{slide}[page={page}]", access="sequential") for page in range(2))
    mean = ((first + second) * 0.5).cast("uchar")
    mean.tiffsave(output, compression="deflate", level=1, tile=True, tile_width=CHUNK, tile_height=CHUNK, pyramid=True)


def wsi_tile_processor(slide: str, output: str) -> None:
    """Predict with our network in tiles that neither overlap nor have a halo; the one plane is given for both shots."""
    import torch
    from wsi_tile_processor import FastWSIProcessor

    from wsi_refocus.methods import MethodSpec, ShotGeometry, make_method

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    method = make_method(MethodSpec("tsva-lite", shots=ShotGeometry(0.75, 0.25)))

    def generate(tile: NDArray[np.uint8]) -> NDArray[np.uint8]:
        shot = torch.from_numpy(tile).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            predicted = method.forward(shot, shot)  # type: ignore[attr-defined]
        grey: NDArray[np.uint8] = (predicted[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
        return grey

    FastWSIProcessor(
        wsi_path=slide, tiff_path=output, level=0, tile_size=TILE, generate=generate, output_channels=3, verbose=False
    ).process()


ALL: dict[str, Callable[[str, str], None]] = {
    "ome-zarr-py": ome_zarr_py,
    "pyvips": pyvips,
    "wsi-tile-processor": wsi_tile_processor,
}


def command(name: str, slide: Path, output: Path) -> list[str | Path]:
    """Command that lets a library do its work."""
    return [sys.executable, "-m", "benchmarks.peers", name, slide, output]


if __name__ == "__main__":
    ALL[sys.argv[1]](*sys.argv[2:])
