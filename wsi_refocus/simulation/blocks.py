"""One focal plane of a simulated slide, block by block, without seams."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.geometry import Size
from wsi_refocus.optics.focusing import FocusedViews
from wsi_refocus.optics.scanner import view_over
from wsi_refocus.optics.specimen import GLASS, Image, specimen_of
from wsi_refocus.simulation.acquisition import Pass, SlideAcquisition
from wsi_refocus.simulation.fields import white_noise

Pixels = NDArray[np.uint8]
Reader = Callable[[int, int, int, int], Pixels]
"""Reads RGB of a part (y, x, height, width) that may reach beyond the slide, where its edge is continued."""

BLOCK = 768
MARGIN = 64
"""Pixels a side that are simulated besides: what the optics reach, and the periodic model wraps around."""
_TEXTURE_UM = 0.4
_TEXTURE, _NOISE = 1, 2


def simulated_block(
    read: Reader, acquisition: SlideAcquisition, taken: Pass | None, number: int, mpp: float, y: int, x: int, size: Size
) -> Pixels:
    """Simulate a part of one focal plane.

    Parameters
    ----------
    read
        Reads the slide in focus.
    acquisition
        What the scanner and the section are like.
    taken
        The focal plane; None for the truth: in focus everywhere, without noise, shift and gain.
    number
        Number of the plane, for its noise.
    mpp
        µm per pixel.
    y, x, size
        The part, in pixels.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        The same pixels, but for a grey level, whatever part is asked for.
    """
    scale, (dy, dx) = (1.0, (0.0, 0.0)) if taken is None else (taken.scale, taken.shift_px)
    # where the middle of this part lies in the slide in focus: whole pixels are read there, the rest is a small shift
    middle = y + size.height / 2, x + size.width / 2
    source = (middle[0] - dy) / scale, (middle[1] - dx) / scale
    top, left = (round(each - side / 2) for each, side in zip(source, (size.height, size.width), strict=True))
    rest = (size.height / 2 + top - source[0], size.width / 2 + left - source[1])
    padded = Size(size.height + 2 * MARGIN, size.width + 2 * MARGIN)
    image = read(top - MARGIN, left - MARGIN, padded.height, padded.width)
    views = _views(image, acquisition, mpp, top - MARGIN, left - MARGIN)
    camera = acquisition.camera
    if taken is None:
        view = views.at(camera.focus_um)
    else:
        rows = np.arange(top - MARGIN, top - MARGIN + padded.height, dtype=np.float32)[:, np.newaxis] * mpp
        columns = np.arange(left - MARGIN, left - MARGIN + padded.width, dtype=np.float32)[np.newaxis] * mpp
        drift = np.float32(camera.drift_um) + acquisition.topography.at(rows, columns)
        height = np.float32(camera.focus_um + taken.z_um * camera.stage_scale) - drift
        view = view_over(views, height, rest)
        if scale != 1:
            view = _scaled(view, scale)
        view = view * np.asarray(taken.gain, np.float32)
    view = view[MARGIN:-MARGIN, MARGIN:-MARGIN] * np.float32(camera.brightness / GLASS)
    if taken is not None:
        variance = np.maximum(view, 0) * (255 / camera.electrons) + camera.read_noise**2
        noise = white_noise((camera.seed, _NOISE, number), y, x, size.height, size.width, 3)
        view = view + np.sqrt(variance).astype(np.float32) * noise
    pixels: Pixels = np.clip(view + np.float32(0.5), 0, 255).astype(np.uint8)
    return pixels


def _views(image: Pixels, acquisition: SlideAcquisition, mpp: float, y: int, x: int) -> FocusedViews:
    from scipy.ndimage import gaussian_filter

    camera = acquisition.camera
    sigma = _TEXTURE_UM / mpp
    reach = int(np.ceil(4 * sigma))
    height, width = image.shape[:2]
    white = white_noise((camera.seed, _TEXTURE), y - reach, x - reach, height + 2 * reach, width + 2 * reach)[..., 0]
    smooth: Image = gaussian_filter(white, sigma, truncate=4)[reach:-reach, reach:-reach]
    texture = camera.phase_texture * smooth * np.float32(2 * np.sqrt(np.pi) * sigma)  # of unit standard deviation
    return FocusedViews(specimen_of(image, camera.phase_per_density, texture), camera.optics, mpp)


def _scaled(view: Image, scale: float) -> Image:
    """View enlarged about its middle; so little that a cubic spline does."""
    from scipy.ndimage import affine_transform

    middle = (np.array(view.shape[:2]) - 1) / 2
    offset = middle - middle / scale
    channels = [
        affine_transform(view[..., channel], np.full(2, 1 / scale), offset, order=3, mode="mirror")
        for channel in range(3)
    ]
    return np.stack(channels, axis=2).astype(np.float32)
