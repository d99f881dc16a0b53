"""One pair of shots whose truth is known, and what methods make of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.methods import Method, MethodSpec, ShotGeometry, make_method
from wsi_refocus.quality.cells import count_cells
from wsi_refocus.quality.fidelity import psnr, ssim
from wsi_refocus.quality.focus import brenner_gradient
from wsi_refocus.quality.spectrum import fine_ratio, ring_errors
from wsi_refocus.quality.stain import stain_errors
from wsi_refocus.restoration.mean import Mean

Pixels = NDArray[np.uint8]

BASELINES = ("sharper shot", "other shot", "mean")


@dataclass(frozen=True, slots=True)
class Case:
    """Two shots and their truth.

    Attributes
    ----------
    name : str
        What the shots are of; cases of one image have one name.
    first, second : ndarray of uint8, shape (height, width, 3)
        The shots, lower plane first, aligned with the truth and matched to it in brightness.
    truth : ndarray of uint8, shape (height, width, 3)
        In focus.
    shots : ShotGeometry
        How far apart the shots are, and the size of a pixel.
    drift_um : float
        δ: how high the section lies above the middle of the shots, in µm.
    steps : tuple of int or None
        How many planes below and above the truth the shots lie, if they are of a focal stack.
    """

    name: str
    first: Pixels
    second: Pixels
    truth: Pixels
    shots: ShotGeometry
    drift_um: float
    steps: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """How near an image is to the truth.

    Attributes
    ----------
    psnr, ssim : float
        PSNR in dB, over all channels, and SSIM.
    haematoxylin, eosin : float
        Mean absolute error of the stains' optical density.
    spectral_error : float
        Energy of the error over that of the truth, averaged over rings of the spectrum.
    fine_ratio : float
        Energy of fine detail over that of the truth.
    cells, true_cells : int
        Cells counted in the image, and in the truth.
    seconds_per_mp : float
        Time that it took, by megapixel; 0 for what is not computed.
    """

    psnr: float
    ssim: float
    haematoxylin: float
    eosin: float
    spectral_error: float
    fine_ratio: float
    cells: int
    true_cells: int
    seconds_per_mp: float = 0.0


def score(case: Case, methods: Sequence[MethodSpec], border: int = 0) -> dict[str, Score]:
    """Measure both shots, their mean and what methods make of them.

    Parameters
    ----------
    case
        The shots.
    methods
        Methods of the registry; how the shots were taken is filled in.
    border
        Pixels a side that are not measured.

    Returns
    -------
    dict of Score
        By name: `BASELINES`, and the names of the methods.
    """
    inner = (slice(border, -border or None), slice(border, -border or None))
    images = images_of(case, methods)
    truth = case.truth[inner]
    mpp = case.shots.mpp
    true_cells = count_cells(truth, mpp)
    return {name: _scored(image[inner], truth, mpp, true_cells, seconds) for name, (image, seconds) in images.items()}


def images_of(case: Case, methods: Sequence[MethodSpec]) -> dict[str, tuple[Pixels, float]]:
    """Both shots, their mean and what methods make of them, by name; with the seconds that a megapixel took."""
    shots = [case.first, case.second]
    if brenner_gradient(case.second) > brenner_gradient(case.first):
        shots.reverse()
    mean = Mean().restore(case.first, case.second)
    images = {name: (image, 0.0) for name, image in zip(BASELINES, (*shots, mean), strict=True)}
    for spec in methods:
        method = _ready(replace(spec, shots=case.shots))
        pair = (case.first, case.second) if method.by_height else (shots[0], shots[1])
        began = time.perf_counter()
        image = restored(method, *pair)
        images[spec.name] = image, (time.perf_counter() - began) / (image[..., 0].size / 1e6)
    return images


def restored(method: Method, first: Pixels, second: Pixels) -> Pixels:
    """What a method makes of a whole picture, whose surroundings are taken for its mirror image."""
    height, width = first.shape[:2]
    halo, stride = method.halo, method.stride
    sides = [(halo, halo + -side % stride) for side in (height, width)]
    padded = [np.pad(shot, (*sides, (0, 0)), mode="symmetric")[np.newaxis] for shot in (first, second)]
    image = method.restore(*padded)[0, halo : halo + height, halo : halo + width]
    levels: Pixels = np.clip(np.floor(image.astype(np.float32) + 0.5), 0, 255).astype(np.uint8)
    return levels


def as_columns(scores: dict[str, Score]) -> dict[str, float]:
    """Scores as columns of a table, named ``measure name``."""
    return {f"{key} {name}": value for name, each in scores.items() for key, value in asdict(each).items()}


@lru_cache(maxsize=64)  # a long stack has as many distances of shots as planes
def _ready(spec: MethodSpec) -> Method:
    return make_method(spec)


def _scored(image: Pixels, truth: Pixels, mpp: float, true_cells: int, seconds: float) -> Score:
    errors = ring_errors(image, truth)
    return Score(
        psnr(image, truth),
        ssim(image, truth),
        *stain_errors(image, truth),
        float(np.mean(errors)),
        fine_ratio(image, truth),
        count_cells(image, mpp),
        true_cells,
        seconds,
    )
