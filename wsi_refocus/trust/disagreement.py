"""Whether a network says the same of a place however it lies, and whether another network agrees."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.geometry import Region
from wsi_refocus.methods import Locating, Method
from wsi_refocus.quality.focus import luminance

WINDOW = 64
"""Edge in pixels of the square that is predicted again in every tile: the one of most detail."""
CONTEXT = 64
"""Pixels around it that a network is shown."""
TRANSPOSED = 4
"""Turn that exchanges rows and columns. Turns 0 to 3 are quarters of a circle, 4 to 7 the same after this one."""

_LEAST = 0.01

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Both shots around a tile, as the worker that made the tile has them.

    Attributes
    ----------
    first, second : ndarray of uint8, shape (height, width, 3)
        The aligned shots.
    tile : Region
        Where in them the tile lies.
    second_is_sharper : bool
        Whether the second shot is Y1 in the tile.
    """

    first: Pixels
    second: Pixels
    tile: Region
    second_is_sharper: bool

    @property
    def sharper(self) -> Pixels:
        """The sharper shot of the tile, shape (height, width, 3)."""
        return (self.second if self.second_is_sharper else self.first)[self.tile.slices]

    def around(self, region: Region) -> tuple[Pixels, Pixels]:
        """Both shots over a region of these pixels; what lies beyond them is their mirror image."""
        height, width = self.first.shape[:2]
        sides = [
            (max(0, -region.y), max(0, region.y1 - height)),
            (max(0, -region.x), max(0, region.x1 - width)),
            (0, 0),
        ]
        inside = region.intersection(Region(0, 0, height, width)).slices
        first, second = (np.pad(shot[inside], sides, mode="symmetric") for shot in (self.first, self.second))
        return first, second

    def most_detailed(self) -> Region | None:
        """Square of the tile, on a grid of `WINDOW` pixels, with the largest Brenner gradient in the sharper shot.

        Counted from the tile's corner; None if the tile is too small for one.
        """
        shot = self.sharper
        rows, columns = (side // WINDOW for side in shot.shape[:2])
        if not rows or not columns:
            return None
        grey = luminance(shot[: rows * WINDOW, : columns * WINDOW])
        steps = np.zeros_like(grey)
        steps[:, :-2] = np.square(grey[:, 2:] - grey[:, :-2])
        detail = steps.reshape(rows, WINDOW, columns, WINDOW).sum(axis=(1, 3))
        y, x = divmod(int(detail.argmax()), columns)
        return Region(y * WINDOW, x * WINDOW, WINDOW, WINDOW)


@dataclass(frozen=True, slots=True)
class Opinion:
    """What another prediction says of a tile; NaN where there is none.

    Attributes
    ----------
    difference : float
        RMS difference between the two, in grey levels.
    gain_db : float
        PSNR of the tile over that of the sharper shot, if the other prediction were the truth.
    agreement : float
        How far the other prediction goes from the sharper shot in the direction of the tile, over how far that went.
    """

    difference: float = math.nan
    gain_db: float = math.nan
    agreement: float = math.nan


def second_opinion(method: Method, place: Surroundings, output: Pixels, turn: int) -> Opinion:
    """Compare a tile with what a method makes of its most detailed square alone.

    Parameters
    ----------
    method
        The method that made the tile, or another.
    place
        Both shots around the tile.
    output
        The tile, RGB of shape (height, width, 3).
    turn
        How the square is turned before the method sees it, 0 to 7: a network knows no directions but those that it
        learned by chance.

    Returns
    -------
    Opinion
        All NaN for a tile smaller than `WINDOW`.
    """
    square = place.most_detailed()
    if square is None:
        return Opinion()
    context = -(-CONTEXT // method.stride) * method.stride
    around = square.shifted(place.tile.y, place.tile.x).grown(context)
    again = _restored(method, place, around, turn)[context:-context, context:-context]
    return opinion_of(again, output[square.slices], place.sharper[square.slices])


def opinion_of(again: NDArray[np.generic], output: Pixels, sharper: Pixels) -> Opinion:
    """Compare a prediction with what was written and with the sharper shot, all RGB of one shape."""
    there = again.astype(np.float32) - sharper
    here = output.astype(np.float32) - sharper
    step = float(np.mean(np.square(here)))
    error, without = (float(np.mean(np.square(each))) for each in (there - here, there))
    return Opinion(
        difference=math.sqrt(error),
        gain_db=10 * math.log10((without + _LEAST) / (error + _LEAST)),
        agreement=float(np.mean(there * here)) / (step + _LEAST),
    )


def height_um(method: Method, place: Surroundings) -> float:
    """Height of the middle of both shots above the section, as the method sees it around the most detailed square.

    Parameters
    ----------
    method, place
        As of `second_opinion`.

    Returns
    -------
    float
        In µm; NaN if the method does not look for it, or the tile is smaller than `WINDOW`.
    """
    square = place.most_detailed()
    if square is None or not isinstance(method, Locating):
        return math.nan
    heights = method.height_um(*place.around(square.shifted(place.tile.y, place.tile.x).grown(CONTEXT)))
    if heights is None:
        return math.nan
    rim = heights.shape[0] * CONTEXT // (2 * (WINDOW + 2 * CONTEXT))  # half of the context saw too little around it
    return float(heights[rim:-rim, rim:-rim].mean())


def full_disagreement(method: Method, place: Surroundings, output: Pixels) -> float:
    """RMS difference in grey levels between a tile and seven predictions of it, flipped and turned.

    Parameters
    ----------
    method, place, output
        As of `second_opinion`.
    """
    halo, stride = method.halo, method.stride
    edge = -(-max(place.tile.size) // stride) * stride
    around = Region(place.tile.y, place.tile.x, edge, edge).grown(halo)
    rows, columns = (slice(halo, halo + side) for side in place.tile.size)
    differences = [rms(_restored(method, place, around, turn)[rows, columns], output) for turn in range(1, 8)]
    return float(np.sqrt(np.mean(np.square(differences))))


def rms(one: NDArray[np.generic], other: NDArray[np.generic]) -> float:
    """Root of the mean squared difference of two images of one shape, in their units."""
    return float(np.sqrt(np.mean(np.square(one.astype(np.float32) - other.astype(np.float32)))))


def patchiness(one: Pixels, other: Pixels) -> float:
    """How unevenly two images differ: standard deviation of the mean squared difference in squares of 8 × 8 pixels.

    Parameters
    ----------
    one, other
        RGB of shape (height, width, 3), at least 8 pixels a side; grey levels.
    """
    rows, columns = (side // 8 for side in one.shape[:2])
    cut = np.s_[: rows * 8, : columns * 8]
    squares = np.square(one[cut].astype(np.float32) - other[cut]).reshape(rows, 8, columns, 24)
    return float(squares.sum(axis=1).mean(axis=2).std() / 8)


def _restored(method: Method, place: Surroundings, around: Region, turn: int) -> NDArray[np.float32]:
    """What a method makes of turned shots, turned back."""
    first, second = place.around(around)
    if place.second_is_sharper and not method.by_height:
        first, second = second, first
    shown = [np.ascontiguousarray(_turned(shot, turn))[np.newaxis] for shot in (first, second)]
    restored = method.restore(*shown)[0].astype(np.float32)
    back: NDArray[np.float32] = np.rot90(restored, -turn % 4)
    return back.swapaxes(0, 1) if turn >= TRANSPOSED else back


def _turned(image: Pixels, turn: int) -> Pixels:
    turned: Pixels = np.rot90(image.swapaxes(0, 1) if turn >= TRANSPOSED else image, turn % 4)
    return turned
