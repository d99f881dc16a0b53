"""Two shots of a section whose truth is known, from the simulated scanner, and what can be done to the truth."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tests.support.two_shot import tissue
from wsi_refocus.optics.scanner import Acquisition, TwoShots, acquire
from wsi_refocus.optics.transfer import Microscope
from wsi_refocus.quality.consistency import Transfers
from wsi_refocus.trust.reblurring import NOMINAL_THICKNESS_UM, transfers_for

MPP = 0.25
OFFSET_UM = 0.75
SEEDS = (0, 1, 2)
EDGE = 320
ELECTRONS = 60_000.0

Image = NDArray[np.uint8]


def nominal() -> Transfers:
    """Transfers of the optics that the shots are taken with."""
    return transfers_for(None, MPP)


@cache
def section(seed: int, edge: int = EDGE) -> Image:
    """Tissue without a border."""
    margin = 400
    return np.ascontiguousarray(tissue(margin + edge + 180, seed)[margin : margin + edge, margin : margin + edge])


@cache
def taken(drift_um: float, seed: int = 0, **acquisition: Any) -> TwoShots:
    """Two shots of a section, its middle ``drift_um`` above the middle of the focal planes."""
    optics = Microscope(thickness_um=NOMINAL_THICKNESS_UM)
    how = Acquisition(optics=optics, defocus_offset_um=OFFSET_UM, drift_um=drift_um, electrons=ELECTRONS, seed=seed)
    return acquire(section(seed), MPP, replace(how, **acquisition))


def sharpened(image: Image, amount: float = 5.0, sigma: float = 1.2) -> Image:
    """Unsharp masking: detail that the shots do not show in this strength."""
    fine = image.astype(np.float32)
    fine += amount * (fine - ndimage.gaussian_filter(fine, (sigma, sigma, 0)))
    return np.clip(np.rint(fine), 0, 255).astype(np.uint8)


def planted(image: Image, count: int = 10, radius: float = 6, depth: float = 60, seed: int = 0) -> Image:
    """Dark discs of the size of small nuclei, where there are none."""
    generator = np.random.default_rng(seed)
    made = image.astype(np.float32)
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    for row, column in generator.integers(20, min(image.shape[:2]) - 20, (count, 2)):
        made[np.hypot(rows - row, columns - column) <= radius] -= depth
    return np.clip(made, 0, 255).astype(np.uint8)


def with_noise(image: Image, spread: float, seed: int = 0) -> Image:
    """White noise added, in grey levels."""
    noise = np.random.default_rng(seed).normal(0, spread, image.shape)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)
