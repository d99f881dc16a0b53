"""A slide as it goes into a pyramidal TIFF: everything but the pixels, which are read when they are needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.geometry import Size


@dataclass(frozen=True, slots=True)
class PyramidImage:
    """A slide with its pyramid.

    Attributes
    ----------
    name : str
        Name of the slide.
    levels : tuple of Size
        Extents, the finest first, each half the one before.
    mpp : tuple of float
        µm per pixel (y, x) of level 0.
    description : str
        What its pixels are, in a sentence.
    provenance : mapping
        Where it comes from, as JSON holds it.
    magnification : float or None
        Nominal magnification of the objective.
    icc_profile : bytes or None
        ICC profile of the pixels.
    extras : mapping of str to ndarray
        Label, macro and other images that go with it, RGB of shape (height, width, 3), uint8.
    """

    name: str
    levels: tuple[Size, ...]
    mpp: tuple[float, float]
    description: str
    provenance: Mapping[str, Any]
    magnification: float | None = None
    icc_profile: bytes | None = field(default=None, repr=False)
    extras: Mapping[str, NDArray[np.uint8]] = field(default_factory=lambda: MappingProxyType({}), repr=False)
