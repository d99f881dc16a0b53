"""Make the sample slides: ``python make_samples.py CMU-1-Small-Region.svs`` (CC0, OpenSlide test data)."""

from __future__ import annotations

import sys
import uuid
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from wsi_refocus.geometry import Region
from wsi_refocus.optics.scanner import Acquisition, TwoShots, acquire
from wsi_refocus.optics.transfer import Microscope
from wsi_refocus.slide.open import open_slide
from wsi_refocus.slide.thumbnail import block_means

HERE = Path(__file__).parent
LEVELS = 3
TILE = 256
QUALITY = 80

ACQUISITION = Acquisition(
    optics=Microscope(
        numerical_aperture=0.75, condenser_ratio=0.7, axial_colour_um=(0.15, 0.0, -0.15), thickness_um=1.5
    ),
    defocus_offset_um=1.5,
    drift_um=0.3,
    tilt_um=(0.6, -0.4),
    topography_um=0.4,
    topography_px=500.0,
    shift_px=((0.0, 0.0), (2.3, -1.6)),
    gain=(1.02, 1.0, 0.985),
    electrons=20_000.0,
    read_noise=0.3,
    phase_per_density=0.4,
    phase_texture=0.03,
    seed=20261123,
)


def main() -> None:
    """Read the slide, simulate the two shots, write the four files."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open_slide(sys.argv[1]) as slide:
        size, mpp = slide.info.size, slide.info.mpp
        image = slide.read_region(0, 0, Region.whole(size))
    if mpp is None:
        sys.exit(f"{sys.argv[1]}: has no mpp")
    shots = acquire(image, mpp[0], ACQUISITION)
    write_samples(shots, mpp[0])
    drift = shots.drift_um
    print(f"drift from {drift.min():.2f} to {drift.max():.2f} µm, mean {drift.mean():.2f} µm")
    for file in sorted(HERE.glob("cmu-1-*.tiff")):
        print(f"{file.name}: {file.stat().st_size / 2**20:.2f} MiB")


def write_samples(shots: TwoShots, mpp: float) -> None:
    """Write the slide of two planes, the two slides of one plane, and the truth."""
    offset = ACQUISITION.defocus_offset_um
    write_ome(HERE / "cmu-1-two-shot.ome.tiff", [shots.first, shots.second], [-offset, offset], mpp)
    write_ome(HERE / "cmu-1-truth.ome.tiff", [shots.truth], [0.0], mpp)
    write_plain(HERE / "cmu-1-near.tiff", shots.first, mpp)
    write_plain(HERE / "cmu-1-far.tiff", shots.second, mpp)


def pyramid(pixels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """The picture and its reductions by two."""
    levels = [pixels]
    while len(levels) < LEVELS:
        even = levels[-1][: levels[-1].shape[0] // 2 * 2, : levels[-1].shape[1] // 2 * 2]
        levels.append(block_means(even, 2))
    return levels


def write_ome(path: Path, planes: list[NDArray[np.uint8]], z_um: list[float], mpp: float) -> None:
    """Write a pyramidal OME-TIFF with one page a plane and its coarser levels as SubIFDs."""
    levels = [np.stack(each) for each in zip(*(pyramid(plane) for plane in planes), strict=True)]
    common = {
        "tile": (TILE, TILE),
        "photometric": "rgb",
        "compression": "jpeg",
        "compressionargs": {"level": QUALITY},
    }
    metadata = {
        "axes": "ZYXS",
        "UUID": str(uuid.uuid5(uuid.NAMESPACE_URL, path.name)),
        "PhysicalSizeX": mpp,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": mpp,
        "PhysicalSizeYUnit": "µm",
        "Plane": {"PositionZ": z_um, "PositionZUnit": ["µm"] * len(z_um)},
    }
    with tifffile.TiffWriter(path, ome=True) as tiff:
        tiff.write(levels[0], subifds=LEVELS - 1, metadata=metadata, resolution=(1e4 / mpp, 1e4 / mpp),
                   resolutionunit="CENTIMETER", **common)  # fmt: skip
        for number, level in enumerate(levels[1:], start=1):
            per_cm = 1e4 / mpp / 2**number
            tiff.write(level, subfiletype=1, metadata=None, resolution=(per_cm, per_cm),
                       resolutionunit="CENTIMETER", **common)  # fmt: skip


def write_plain(path: Path, pixels: NDArray[np.uint8], mpp: float) -> None:
    """Write a pyramidal tiled TIFF of one plane, as OpenSlide reads it."""
    with tifffile.TiffWriter(path) as tiff:
        for number, level in enumerate(pyramid(pixels)):
            per_cm = 1e4 / mpp / 2**number
            tiff.write(level, tile=(TILE, TILE), photometric="rgb", compression="jpeg",
                       compressionargs={"level": QUALITY}, subfiletype=int(number > 0), metadata=None,
                       resolution=(per_cm, per_cm), resolutionunit="CENTIMETER")  # fmt: skip


if __name__ == "__main__":
    main()
