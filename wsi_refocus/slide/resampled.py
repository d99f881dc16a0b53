"""A slide seen at another size of pixel."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.errors import UsageError
from wsi_refocus.geometry import Region, Size
from wsi_refocus.slide.model import Level, SlideInfo
from wsi_refocus.slide.source import SlideSource

FARTHEST = 8
"""Largest factor, up or down, between the sizes of pixels."""
_LOBES = 3
"""Of the Lanczos kernel."""
_COARSER = 1.5
"""Levels of the slide are offered as they are from this much coarser than the resampled one."""

Floats = NDArray[np.float32]


class ResampledSource:
    """A slide whose level 0 has pixels of a given size.

    A pixel is a weighted mean of those around its middle (Lanczos kernel of three lobes, as wide as the coarser of
    both pixels, normalised). Middles lie on a grid that begins at the slide's corner and every mean is summed in one
    order, so that a pixel is the same whatever region is read. What is left over at the far edges is cut off.

    Parameters
    ----------
    source
        The slide to look at; closed with this one.
    mpp
        Wanted µm per pixel.

    Raises
    ------
    UsageError
        If the slide does not say how large its pixels are, or they differ by more than `FARTHEST` times.
    """

    def __init__(self, source: SlideSource, mpp: float) -> None:
        info = source.info
        if info.mpp is None:
            raise UsageError(
                f"{info.paths[0]}: cannot be resampled, as its µm per pixel are unknown; give them with --mpp"
            )
        steps = mpp / info.mpp[0], mpp / info.mpp[1]
        if not all(1 / FARTHEST <= step <= FARTHEST for step in steps):
            raise UsageError(
                f"{info.paths[0]}: has {info.mpp[0]:.4g} µm per pixel, which is more than {FARTHEST} times off from "
                f"--resample {mpp:g}; choose a nearer size"
            )
        self._source, self._steps = source, steps
        self._offered = [index for index, each in enumerate(info.levels) if each.downsample >= _COARSER * max(steps)]
        self._info = _resampled_info(info, mpp, steps, self._offered)

    @property
    def info(self) -> SlideInfo:
        """Description of the resampled slide."""
        return self._info

    def read_region(self, plane: int, level: int, region: Region) -> NDArray[np.uint8]:
        """Read pixels; as `SlideSource.read_region`."""
        if level:
            return self._source.read_region(plane, self._offered[level - 1], region)
        size = self._source.info.size
        rows = _taps(region.y, region.height, self._steps[0], size.height)
        columns = _taps(region.x, region.width, self._steps[1], size.width)
        y, x = int(rows.places.min()), int(columns.places.min())
        window = Region.between(y, x, int(rows.places.max()) + 1, int(columns.places.max()) + 1)
        pixels = self._source.read_region(plane, 0, window).astype(np.float32)
        lines = _weighted(pixels, rows._replace(places=rows.places - y))
        turned = _weighted(lines.transpose(1, 0, 2), columns._replace(places=columns.places - x))
        rounded: NDArray[np.uint8] = np.clip(turned.transpose(1, 0, 2) + np.float32(0.5), 0, 255).astype(np.uint8)
        return np.ascontiguousarray(rounded)

    def read_associated(self, name: str) -> NDArray[np.uint8]:
        """Read an associated image as it is."""
        return self._source.read_associated(name)

    def close(self) -> None:
        """Close the slide behind."""
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class _Taps(NamedTuple):
    """What each of n pixels is made of: places and weights of its neighbours, shape (n, taps)."""

    places: NDArray[np.intp]
    weights: Floats


def _taps(start: int, count: int, step: float, length: int) -> _Taps:
    """Taps of ``count`` pixels from ``start`` on along one axis; the edge goes on beyond the slide."""
    width = max(1.0, step)
    middle = (np.arange(start, start + count) + 0.5) * step - 0.5
    reach = math.ceil(_LOBES * width)
    places = np.floor(middle)[:, np.newaxis].astype(np.intp) + np.arange(-reach, reach + 2)
    distance = (places - middle[:, np.newaxis]) / width
    weights = np.sinc(distance) * np.sinc(distance / _LOBES) * (np.abs(distance) < _LOBES)
    weights /= weights.sum(axis=1, keepdims=True)
    return _Taps(np.clip(places, 0, length - 1), weights.astype(np.float32))


def _weighted(pixels: Floats, taps: _Taps) -> Floats:
    """Weighted sums of rows, one tap after the other, so that they do not depend on how many rows there are."""
    result = np.zeros((len(taps.places), *pixels.shape[1:]), np.float32)
    for places, weights in zip(taps.places.T, taps.weights.T, strict=True):
        if weights.any():
            result += weights[:, np.newaxis, np.newaxis] * pixels[places]
    return result


def _resampled_info(info: SlideInfo, mpp: float, steps: tuple[float, float], offered: list[int]) -> SlideInfo:
    size = Size(max(1, int(info.size.height / steps[0] + 1e-6)), max(1, int(info.size.width / steps[1] + 1e-6)))
    step = math.sqrt(steps[0] * steps[1])
    coarse = [info.levels[index] for index in offered]
    return replace(
        info,
        levels=(Level(size), *(Level(each.size, each.downsample / step) for each in coarse)),
        mpp=(mpp, mpp),
        magnification=None if info.magnification is None else info.magnification / step,
        ome_xml=None,  # describes another grid
        notes=(*info.notes, f"resampled from {info.mpp[0]:.4g} to {mpp:g} µm per pixel" if info.mpp else ""),
    )
