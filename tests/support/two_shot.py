"""Synthetic slides scanned at two focal planes, small and huge, written as OME-TIFF."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom
from scipy.ndimage import shift as move

from tests.support.ome import describe_ome

Image = NDArray[np.uint8]

BACKGROUND = np.array([243, 241, 244], np.float32)
_PINK = np.array([0.10, 0.42, 0.20], np.float32)
_PURPLE = np.array([0.62, 0.85, 0.38], np.float32)


def tissue(size: tuple[int, int] | int = 512, seed: int = 0) -> Image:
    """An H&E-like picture: pink tissue with purple nuclei, and bright background at its left and top edge."""
    height, width = (size, size) if isinstance(size, int) else size
    rng = np.random.default_rng(seed)
    fill = _smooth(rng, (height, width), 6)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    fill += np.minimum(8 * x / width, 8 * y / height) - 1.2
    inside = 1 / (1 + np.exp(-12 * np.clip(fill, -4, 4)))
    fibres = _smooth(rng, (height, width), max(8, width // 24))
    grain = gaussian_filter(rng.standard_normal((height, width)).astype(np.float32), 0.8)
    eosin = np.clip(0.55 + 0.35 * fibres + 0.35 * grain, 0.05, 1.5) * inside
    seeds = (rng.random((height, width)) < 1 / 180).astype(np.float32)
    nuclei = np.clip(gaussian_filter(seeds, 2.6) * 90 - 0.8, 0, 1) * inside * (0.8 + 0.3 * grain)
    density = eosin[..., None] * _PINK + nuclei[..., None] * _PURPLE
    return np.clip(BACKGROUND * np.exp(-density), 0, 255).astype(np.uint8)


def two_planes(
    truth: Image,
    blurs: tuple[float, float] = (1.0, 2.2),
    *,
    shift: tuple[float, float] = (0.0, 0.0),
    gain: tuple[float, float, float] = (1.0, 1.0, 1.0),
    tilted: bool = False,
) -> tuple[Image, Image]:
    """The same tissue, blurred differently; the second is moved by ``shift`` (y, x) and brighter by ``gain``.

    With ``tilted`` the blurs change places from the left to the right edge, so that each plane is the sharper
    one in its half.
    """
    sharp, soft = (_blurred(truth, sigma) for sigma in blurs)
    first, second = sharp, soft
    if tilted:
        ramp = np.linspace(0, 1, truth.shape[1], dtype=np.float32)[None, :, None]
        first, second = sharp * (1 - ramp) + soft * ramp, soft * (1 - ramp) + sharp * ramp
    if any(shift):
        second = np.stack([move(second[..., c], shift, order=3, mode="nearest") for c in range(3)], -1)
    second = second * np.array(gain, np.float32)
    return _rounded(first), _rounded(second)


def z_stack(truth: Image, planes: int, focus: int, step: float = 0.7) -> list[Image]:
    """Planes that are the blurrier the further they lie from the plane ``focus``."""
    return [_rounded(_blurred(truth, 0.3 + step * abs(index - focus))) for index in range(planes)]


def write_ome_tiff(
    path: Path | str,
    planes: Sequence[Image],
    *,
    z_um: Sequence[float] | None = (-0.75, 0.75),
    mpp: float | tuple[float, float] | None = 0.5,
    compression: str | None = "jpeg",
    quality: int = 90,
    tiled: bool = True,
    tile: int = 128,
    rows_per_strip: int = 32,
    pyramid: bool = True,
    planar: bool = False,
    bigtiff: bool = False,
    byteorder: str = "<",
    icc_profile: bytes | None = None,
    associated: dict[str, Image] | None = None,
    xml: str | None = None,
    **ome: Any,
) -> Path:
    """Write planes of shape (height, width, 3) as an OME-TIFF; ``ome`` goes to `describe_ome`.

    ``pyramid`` adds levels of half the size, as SubIFDs, down to the size of a tile. ``xml`` replaces the
    OME-XML.
    """
    height, width = planes[0].shape[:2]
    sizes = {name: image.shape[:2] for name, image in (associated or {}).items()}
    document = xml if xml is not None else describe_ome(
        (height, width), len(planes), z_um=z_um, mpp=mpp, associated=sizes, **ome
    )  # fmt: skip
    options: dict[str, Any] = {
        "photometric": "rgb",
        "planarconfig": "separate" if planar else "contig",
        "compression": compression,
        "metadata": None,
        "iccprofile": icc_profile,
    }
    if compression in ("jpeg", "jpeg2000"):
        options["compressionargs"] = {"level": quality}
    options |= {"tile": (tile, tile)} if tiled else {"rowsperstrip": rows_per_strip}
    path = Path(path)
    with tifffile.TiffWriter(path, bigtiff=bigtiff, byteorder=byteorder) as writer:
        for index, plane in enumerate(planes):
            levels = _levels(plane, tile) if pyramid else [plane]
            description = document.encode() if index == 0 else None
            for number, level in enumerate(levels):
                writer.write(
                    np.moveaxis(level, -1, 0) if planar else level,
                    description=None if number else description,
                    subifds=None if number else len(levels) - 1,
                    subfiletype=int(number > 0),
                    **options,
                )
        for image in (associated or {}).values():
            writer.write(image, photometric="rgb", compression="deflate", metadata=None)
    return path


def write_large_ome_tiff(
    path: Path | str,
    size: tuple[int, int] | int = 20_000,
    *,
    planes: int = 2,
    tile: int = 512,
    pyramid: bool = False,
    quality: int = 85,
    mpp: float = 0.25,
    variants: int = 8,
    seed: int = 0,
    share: float | None = None,
) -> Path:
    """Write a huge JPEG slide quickly and with little memory: tissue and background in patches of some tiles.

    Each tile is one of ``variants`` encoded beforehand; the planes differ in blur. With ``share``, that share of the
    slide, its left part, is tissue all over, and the rest is background.
    """
    height, width = (size, size) if isinstance(size, int) else size
    path = Path(path)
    z_um = np.linspace(-0.75, 0.75, planes).tolist()
    document = describe_ome((height, width), planes, z_um=z_um, mpp=mpp)
    extents = [(height, width)]
    while pyramid and max(extents[-1]) > 2 * tile:
        extents.append((-(-extents[-1][0] // 2), -(-extents[-1][1] // 2)))
    encoded = [_encoded_tiles(tile, variants, quality, plane, seed) for plane in range(planes)]
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        for plane in range(planes):
            for number, extent in enumerate(extents):
                writer.write(
                    _tile_stream(extent, tile, encoded[plane], 2**number, share),
                    shape=(*extent, 3),
                    dtype=np.uint8,
                    tile=(tile, tile),
                    photometric="rgb",
                    compression="jpeg",
                    metadata=None,
                    description=document.encode() if plane == number == 0 else None,
                    subifds=len(extents) - 1 if number == 0 else None,
                    subfiletype=int(number > 0),
                )
    return path


def _encoded_tiles(tile: int, variants: int, quality: int, plane: int, seed: int) -> list[bytes]:
    """Background first, then tissue; all planes show the same places."""
    noise = np.random.default_rng(seed).normal(0, 1.2, (tile, tile, 3))
    images = [_rounded(BACKGROUND + noise)]
    wide = tissue((3 * tile, 3 * tile), seed)[-tile - tile // 2 :, -tile - tile // 2 :]
    for number in range(variants):
        offset = number * tile // (2 * variants)
        patch = wide[offset : offset + tile, offset : offset + tile]
        images.append(_rounded(_blurred(patch, 0.6 + 0.8 * plane)))
    return [
        imagecodecs.jpeg8_encode(image, level=quality, colorspace="RGB", outcolorspace="YCBCR", subsampling="420")
        for image in images
    ]


def _tile_stream(
    extent: tuple[int, int], tile: int, encoded: list[bytes], downsample: int, share: float | None
) -> Iterator[bytes]:
    """Encoded tiles in rows; every other square of eight tiles of level 0 is background, as is the rim."""
    rows, columns = -(-extent[0] // tile), -(-extent[1] // tile)
    for row in range(rows):
        for column in range(columns):
            if share is None:
                empty = bool((row * downsample // 8 + column * downsample // 8) % 2) or row == 0 or column == 0
            else:
                empty = column >= share * columns
            yield encoded[0] if empty else encoded[1 + (3 * row + 5 * column) % (len(encoded) - 1)]


def halved(image: Image) -> Image:
    """Means over 2 × 2 pixels; an odd last row or column is repeated."""
    padded = np.pad(image, ((0, image.shape[0] % 2), (0, image.shape[1] % 2), (0, 0)), mode="edge")
    fine = padded.astype(np.float32)
    return _rounded((fine[::2, ::2] + fine[1::2, ::2] + fine[::2, 1::2] + fine[1::2, 1::2]) / 4)


def _levels(plane: Image, smallest: int) -> list[Image]:
    levels = [plane]
    while min(levels[-1].shape[:2]) > smallest:
        levels.append(halved(levels[-1]))
    return levels


def _smooth(rng: np.random.Generator, size: tuple[int, int], cells: int) -> NDArray[np.float32]:
    """Smooth noise of about unit variance, with ``cells`` waves along each side."""
    coarse = rng.standard_normal((cells + 1, cells + 1)).astype(np.float32)
    factors = (size[0] / (cells + 1), size[1] / (cells + 1))
    field: NDArray[np.float32] = zoom(coarse, factors, order=1, grid_mode=True, mode="nearest")
    return field[: size[0], : size[1]]


def _blurred(image: Image, sigma: float) -> NDArray[np.float32]:
    result: NDArray[np.float32] = gaussian_filter(image.astype(np.float32), (sigma, sigma, 0), mode="nearest")
    return result


def _rounded(image: NDArray[np.floating[Any]]) -> Image:
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)
