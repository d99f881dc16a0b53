"""One level, or a part of one, seen as a slide of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.errors import UsageError
from wsi_refocus.geometry import Region, Size
from wsi_refocus.slide.model import Level, SlideInfo
from wsi_refocus.slide.source import SlideSource


class WindowedSource:
    """A slide whose level 0 is a level of another, whole or in part.

    Coarser levels are kept for overviews: where the window does not start on one of their pixels, they are
    off by less than a pixel of their own.

    Parameters
    ----------
    source
        The slide to look into; closed with the window.
    level
        Level of ``source`` that becomes level 0.
    region
        Pixels of that level; None for all of them.

    Raises
    ------
    UsageError
        If the level does not exist or the region does not lie in it.
    """

    def __init__(self, source: SlideSource, level: int = 0, region: Region | None = None) -> None:
        levels = source.info.levels
        name = source.info.paths[0]
        if level >= len(levels):
            raise UsageError(f"{name}: has no level {level}, only 0 to {len(levels) - 1}; choose another --level")
        size = levels[level].size
        window = region or Region.whole(size)
        if not Region.whole(size).contains(window):
            raise UsageError(
                f"{name}: the region {','.join(map(str, window))} (y,x,height,width) reaches beyond level {level}, "
                f"which is {size.height} high and {size.width} wide"
            )
        self._source = source
        self._level = level
        self._windows = tuple(_scaled(window, size, each.size) for each in levels[level:])
        self._info = _windowed_info(source.info, level, self._windows, whole=region is None)

    @property
    def info(self) -> SlideInfo:
        """Description of what the window shows."""
        return self._info

    def read_region(self, plane: int, level: int, region: Region) -> NDArray[np.uint8]:
        """Read pixels of the window; as `SlideSource.read_region`."""
        window = self._windows[level]
        return self._source.read_region(plane, level + self._level, region.shifted(window.y, window.x))

    def read_associated(self, name: str) -> NDArray[np.uint8]:
        """Read an associated image of the whole slide."""
        return self._source.read_associated(name)

    def close(self) -> None:
        """Close the slide behind the window."""
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _scaled(window: Region, size: Size, coarse: Size) -> Region:
    down_y, down_x = size.height / coarse.height, size.width / coarse.width
    y, x = int(window.y / down_y), int(window.x / down_x)
    y1 = min(coarse.height, max(y + 1, round(window.y1 / down_y)))
    x1 = min(coarse.width, max(x + 1, round(window.x1 / down_x)))
    return Region.between(y, x, y1, x1)


def _windowed_info(info: SlideInfo, level: int, windows: tuple[Region, ...], whole: bool) -> SlideInfo:
    base = info.levels[level]
    scale = base.downsample
    levels = tuple(
        Level(window.size, each.downsample / scale) for window, each in zip(windows, info.levels[level:], strict=True)
    )
    return replace(
        info,
        levels=levels,
        mpp=None if info.mpp is None else (info.mpp[0] * scale, info.mpp[1] * scale),
        magnification=None if info.magnification is None else info.magnification / scale,
        # a region's own grid is not the one that the source's OME-XML describes
        ome_xml=info.ome_xml if whole and level == 0 else None,
    )
