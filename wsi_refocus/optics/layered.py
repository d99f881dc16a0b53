"""The layered depth of field of the paper, eq. 2-3: an image is the sum of its blurred depth layers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.optics.incoherent import IncoherentViews
from wsi_refocus.optics.specimen import Image, Specimen
from wsi_refocus.optics.transfer import Microscope

LAYER_UM = 0.25
"""Thickness of a layer: well below the depth of field at 0.75 NA."""


class LayeredViews:
    """All views of a section whose parts lie at different depths, under incoherent light.

    The image is Σₘ xₘ ⊗ hₘ over layers m, with xₘ the light that comes from layer m and hₘ = |h|² at its distance from
    the focal plane; moving the focal plane shifts m. A section of some thickness spreads what lies at a depth evenly
    over the layers that it reaches through.

    Parameters
    ----------
    specimen
        The section; its phase is not seen.
    optics
        Aperture and wavelengths are used.
    mpp
        µm per pixel.
    depth_um
        Height of the section's middle at every pixel, shape (height, width).
    thickness_um
        Thickness of the section.
    """

    def __init__(
        self, specimen: Specimen, optics: Microscope, mpp: float, depth_um: Image, thickness_um: float = 0.0
    ) -> None:
        self._heights, weights = _layers(depth_um, thickness_um)
        # what is not in a layer is dark there: light adds up over layers
        self._layers = [IncoherentViews(specimen, optics, mpp, weight) for weight in weights]

    def at(self, z_um: float, shift_px: tuple[float, float] = (0.0, 0.0)) -> Image:
        """View with the focal plane ``z_um`` above height 0, shape (height, width, 3), in grey levels.

        Parameters
        ----------
        z_um
            In µm.
        shift_px
            How far the content is moved down and to the right, in pixels.
        """
        views = [layer.at(z_um - height, shift_px) for layer, height in zip(self._layers, self._heights, strict=True)]
        total: Image = np.sum(views, axis=0, dtype=np.float32)
        return total


def _layers(depth_um: Image, thickness_um: float) -> tuple[list[float], list[Image]]:
    """Heights of the layers that hold something, and each pixel's share in every one; the shares add up to 1."""
    count = max(1, round(thickness_um / LAYER_UM))
    offsets = ((np.arange(count) - (count - 1) / 2) * (thickness_um / count)).tolist()
    shares: dict[int, NDArray[np.float32]] = {}
    for offset in offsets:
        position = (depth_um + offset) / LAYER_UM
        low = np.floor(position).astype(int)
        above = (position - low).astype(np.float32)
        for number in range(int(low.min()), int(low.max()) + 2):
            share = np.where(low == number, 1 - above, np.where(low + 1 == number, above, 0)) / len(offsets)
            if share.any():
                shares[number] = shares.get(number, np.float32(0)) + share.astype(np.float32)
    numbers = sorted(shares)
    return [number * LAYER_UM for number in numbers], [shares[number] for number in numbers]
