"""Positions and extents on a slide: always (y, x), in whole pixels, half-open."""

from __future__ import annotations

from typing import NamedTuple


class Size(NamedTuple):
    """Extent in pixels."""

    height: int
    width: int

    @property
    def area(self) -> int:
        """Number of pixels."""
        return self.height * self.width

    def halved(self) -> Size:
        """Extent after a 2 × 2 reduction; an odd last row or column is kept."""
        return Size(-(-self.height // 2), -(-self.width // 2))


class Point(NamedTuple):
    """Position in pixels."""

    y: int
    x: int


class Region(NamedTuple):
    """Rectangle of pixels: rows ``y`` to ``y + height``, columns ``x`` to ``x + width``, ends excluded."""

    y: int
    x: int
    height: int
    width: int

    @classmethod
    def whole(cls, size: Size) -> Region:
        """Rectangle that covers an image of ``size``."""
        return cls(0, 0, size.height, size.width)

    @classmethod
    def between(cls, y0: int, x0: int, y1: int, x1: int) -> Region:
        """Rectangle from its first corner to its (excluded) last one; empty rather than negative."""
        return cls(y0, x0, max(0, y1 - y0), max(0, x1 - x0))

    @property
    def y1(self) -> int:
        """Row after the last."""
        return self.y + self.height

    @property
    def x1(self) -> int:
        """Column after the last."""
        return self.x + self.width

    @property
    def size(self) -> Size:
        """Extent."""
        return Size(self.height, self.width)

    @property
    def area(self) -> int:
        """Number of pixels."""
        return self.height * self.width

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the rectangle in an array whose first axes are (y, x)."""
        return slice(self.y, self.y1), slice(self.x, self.x1)

    def grown(self, margin: int) -> Region:
        """Rectangle with ``margin`` more pixels on every side; may reach below zero."""
        return Region(self.y - margin, self.x - margin, self.height + 2 * margin, self.width + 2 * margin)

    def intersection(self, other: Region) -> Region:
        """Pixels that both rectangles hold; empty if none."""
        return Region.between(
            max(self.y, other.y), max(self.x, other.x), min(self.y1, other.y1), min(self.x1, other.x1)
        )

    def contains(self, other: Region) -> bool:
        """Whether ``other`` lies inside."""
        return self.y <= other.y and self.x <= other.x and self.y1 >= other.y1 and self.x1 >= other.x1

    def relative_to(self, origin: Region | Point) -> Region:
        """The same pixels, counted from the corner of ``origin``."""
        return Region(self.y - origin.y, self.x - origin.x, self.height, self.width)

    def shifted(self, dy: int, dx: int) -> Region:
        """Rectangle moved by whole pixels."""
        return Region(self.y + dy, self.x + dx, self.height, self.width)
