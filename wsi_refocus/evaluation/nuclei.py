"""Small nuclei in optical density: where they lie, how one is drawn, and what would be there without one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.optics.specimen import Image, smooth_noise

Mask = NDArray[np.bool_]

SMALLEST_UM = 4.0
"""Least diameter of a small nucleus."""
LARGEST_PLANTED_UM = 7.0
"""Largest diameter of one that is drawn."""
LARGEST_ERASED_UM = 9.0
"""Largest diameter of one that is found: of a circle of its area."""

_SOLID = 0.85
_TISSUE = 0.06
_CLEARANCE_UM = 1.0
_RIM_UM = 0.6
_ERASED_RIM_UM = 1.0
_LEFT = 0.25
_AROUND_UM = 1.5
_TRIES = 400
_STANDS_OUT = 0.15
_HARMONICS = (2, 3, 4)


@dataclass(frozen=True, slots=True)
class Nucleus:
    """A nucleus in a section.

    Attributes
    ----------
    y, x : float
        Its middle in pixels.
    radius_px : float
        Half of its diameter, or of that of a circle of its area.
    change : ndarray of float32, shape (3, height, width)
        Optical density with the nucleus less that without it, 0 away from it.
    """

    y: float
    x: float
    radius_px: float
    change: Image


def nuclear_mask(density: Image, mpp: float) -> Mask:
    """Where nuclei are: haematoxylin above Otsu's threshold of the tissue, without specks.

    Parameters
    ----------
    density
        Optical density (natural logarithm), shape (3, height, width).
    mpp
        µm per pixel.
    """
    from scipy.ndimage import binary_fill_holes, binary_opening
    from skimage.filters import threshold_otsu

    haematoxylin = haematoxylin_of(density, mpp)
    tissue = density.mean(axis=0) > _TISSUE
    if tissue.sum() < haematoxylin.size // 100 or np.ptp(haematoxylin[tissue]) == 0:
        return np.zeros(haematoxylin.shape, np.bool_)
    dark = haematoxylin > threshold_otsu(haematoxylin[tissue])  # type: ignore[no-untyped-call]
    opened: Mask = binary_opening(binary_fill_holes(dark), disc(0.6 / mpp))
    return opened


def haematoxylin_of(density: Image, mpp: float) -> Image:
    """Density of red light, which haematoxylin takes and eosin hardly does, smoothed; shape (height, width)."""
    from scipy.ndimage import gaussian_filter

    smoothed: Image = gaussian_filter(density[0], 0.3 / mpp)
    return smoothed


def draw_nucleus(density: Image, mpp: float, margin: int, generator: np.random.Generator) -> Nucleus | None:
    """Draw a small nucleus into tissue where there is none.

    It is an ellipse of 4-7 µm with an uneven outline, coarse chromatin and a denser rim, in the colour of the nuclei of
    the same section.

    Parameters
    ----------
    density
        Optical density of the section, shape (3, height, width).
    mpp
        µm per pixel.
    margin
        Pixels a side that it keeps out of.
    generator
        Source of chance.

    Returns
    -------
    Nucleus or None
        None if there is no place, or no nucleus to take the colour of.
    """
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    radius = generator.uniform(SMALLEST_UM, LARGEST_PLANTED_UM) / 2 / mpp
    nuclei = nuclear_mask(density, mpp)
    if nuclei.sum() * mpp**2 < SMALLEST_UM**2:
        return None
    tissue = gaussian_filter(density.mean(axis=0), 1.0 / mpp) > _TISSUE
    # what is nearly as dark as a nucleus, but no nucleus by the mask, is no place either
    red = gaussian_filter(density[0], 0.5 * radius)
    colour = _colour_of(density, nuclei)
    pale = red < min(0.6 * colour[0], colour[0] - _STANDS_OUT)
    free = distance_transform_edt(~nuclei) > radius + _CLEARANCE_UM / mpp
    places = np.argwhere(free & tissue & pale & _inside(tissue.shape, margin + int(np.ceil(1.5 * radius))))
    if not len(places):
        return None
    y, x = (float(each) for each in places[generator.integers(len(places))])
    body, distance = _outline(density.shape[1:], (y, x), radius, _RIM_UM / mpp / 2, generator)
    chromatin = smooth_noise(density.shape[1:], generator.uniform(0.25, 0.5) / mpp, generator)
    profile = 1 + generator.uniform(0.08, 0.2) * chromatin + generator.uniform(0, 0.25) * (distance**2 - 0.5)
    colour *= np.float32(generator.uniform(0.9, 1.15))
    drawn = colour[:, np.newaxis, np.newaxis] * np.maximum(profile, 0.3)
    change: Image = (body * (drawn - density)).astype(np.float32)
    return Nucleus(y, x, float(radius), change)


def find_nucleus(density: Image, mpp: float, margin: int, generator: np.random.Generator) -> Nucleus | None:
    """Find a small nucleus that stands alone, and what the section would be without it.

    Parameters
    ----------
    density
        Optical density of the section, shape (3, height, width).
    mpp
        µm per pixel.
    margin
        Pixels a side that it keeps out of.
    generator
        Source of chance.

    Returns
    -------
    Nucleus or None
        None if none stands alone, or nothing around would do in its place.
    """
    from scipy.ndimage import binary_dilation
    from skimage.measure import label, regionprops

    nuclei = nuclear_mask(density, mpp)
    labelled = label(nuclei)  # type: ignore[no-untyped-call]
    inside = _inside(nuclei.shape, margin)
    found = [
        each
        for each in regionprops(labelled)  # type: ignore[no-untyped-call]
        if SMALLEST_UM <= each.equivalent_diameter_area * mpp <= LARGEST_ERASED_UM and each.solidity > _SOLID
    ]
    for index in generator.permutation(len(found)):
        nucleus = found[index]
        own = labelled == nucleus.label
        wide = binary_dilation(own, disc(_ERASED_RIM_UM / mpp))
        around = binary_dilation(wide, disc(_AROUND_UM / mpp)) & ~wide
        if not inside[wide].all() or (nuclei & ~own & (around | wide)).any():
            continue
        contrast = np.median(density[0][own]) - np.median(density[0][around])
        if contrast < _STANDS_OUT:
            continue
        filled = _grafted(density, wide, around, nuclei, mpp, generator)
        if filled is not None and np.median(filled[0][own]) - np.median(density[0][around]) < _LEFT * contrast:
            change: Image = density - filled
            y, x = nucleus.centroid
            return Nucleus(float(y), float(x), float(nucleus.equivalent_diameter_area / 2), change)
    return None


def disc(radius_px: float) -> Mask:
    """Disc of at least one pixel, as a structuring element."""
    reach = max(1, round(radius_px))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    within: Mask = y**2 + x**2 <= max(1.0, radius_px) ** 2 + 0.5
    return within


def _colour_of(density: Image, nuclei: Mask) -> NDArray[np.float32]:
    """Density of nuclei in red, green and blue: of the darker half of their pixels, as the mask may hold stroma."""
    pixels = density[:, nuclei]
    darker = pixels[0] >= np.median(pixels[0])
    colour: NDArray[np.float32] = np.median(pixels[:, darker], axis=1).astype(np.float32)
    return colour


def _inside(shape: tuple[int, ...], margin: int) -> Mask:
    inside = np.zeros(shape, np.bool_)
    inside[margin : shape[0] - margin, margin : shape[1] - margin] = True
    return inside


def _outline(
    shape: tuple[int, ...], centre: tuple[float, float], radius: float, soft: float, generator: np.random.Generator
) -> tuple[Image, Image]:
    """Share of each pixel that an uneven ellipse covers, with a soft rim; and distance from the middle, 1 there."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    y, x = y - np.float32(centre[0]), x - np.float32(centre[1])
    turn, squeeze = generator.uniform(0, np.pi), generator.uniform(0.7, 1.0)
    along, across = y * np.cos(turn) + x * np.sin(turn), x * np.cos(turn) - y * np.sin(turn)
    angle = np.arctan2(across, along)
    rim = np.ones(shape, np.float32)
    for order in _HARMONICS:
        rim += np.float32(generator.normal(0, 0.04)) * np.cos(order * angle + generator.uniform(0, 2 * np.pi))
    distance = np.hypot(along, across / squeeze) / (radius * rim)
    body = np.clip((1 - distance) * radius / (2 * soft) + 0.5, 0, 1)
    smooth: Image = (body**2 * (3 - 2 * body)).astype(np.float32)
    return smooth, np.minimum(distance, 1).astype(np.float32)


def _grafted(
    density: Image, wide: Mask, around: Mask, nuclei: Mask, mpp: float, generator: np.random.Generator
) -> Image | None:
    """Density with a graft of nearby tissue in place of a nucleus, matched along the seam."""
    from scipy.ndimage import binary_dilation

    rows, columns = np.nonzero(wide | around)
    avoided = binary_dilation(nuclei, disc(_RIM_UM / mpp))
    reach, best, least = 8 * np.sqrt(wide.sum() / np.pi), None, np.inf
    for dy, dx in generator.uniform(-reach, reach, (_TRIES, 2)).round().astype(int):
        y, x = rows + dy, columns + dx
        if min(y.min(), x.min()) < 0 or y.max() >= wide.shape[0] or x.max() >= wide.shape[1] or avoided[y, x].any():
            continue
        ring = around[rows, columns]
        apart = density[:, rows[ring], columns[ring]] - density[:, y[ring], x[ring]]
        cost = float((apart**2).mean())
        if cost < least:
            best, least = (int(dy), int(dx)), cost
    if best is None:
        return None
    moved = np.roll(density, (-best[0], -best[1]), (1, 2))
    filled = density.copy()
    filled[:, wide] = moved[:, wide] + _membrane(density - moved, wide)
    return filled


def _membrane(difference: Image, hole: Mask) -> Image:
    """Values in a hole that continue those around it without a bend: a solution of Laplace's equation.

    References
    ----------
    Pérez, Gangnet and Blake, "Poisson image editing", ACM Trans. Graph. 22 (2003).
    """
    from scipy.sparse import coo_array
    from scipy.sparse.linalg import spsolve

    rows, columns = np.nonzero(hole)
    count = len(rows)
    number = np.full(hole.shape, -1)
    number[hole] = np.arange(count)
    known = np.zeros((count, 3))
    here, there = [], []
    for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        y, x = rows + dy, columns + dx
        neighbour = number[y, x]
        within = neighbour >= 0
        here.append(np.arange(count)[within])
        there.append(neighbour[within])
        known[~within] += difference[:, y[~within], x[~within]].T
    i, j = np.concatenate([np.arange(count), *here]), np.concatenate([np.arange(count), *there])
    values = np.concatenate([np.full(count, 4.0), np.full(len(i) - count, -1.0)])
    solved: Image = np.asarray(spsolve(coo_array((values, (i, j)), (count, count)).tocsc(), known)).T.astype(np.float32)
    return solved
