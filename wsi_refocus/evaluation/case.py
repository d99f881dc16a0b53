"""One pair of shots whose truth is known, and what methods make of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.methods import Method, MethodSpec, ShotGeometry, make_method
from wsi_refocus.quality.fidelity import psnr, ssim
from wsi_refocus.quality.focus import brenner_gradient
from wsi_refocus.restoration.mean import Mean

Pixels = NDArray[np.uint8]

BASELINES = ("sharper shot", "other shot", "mean")


@dataclass(frozen=True, slots=True)
class Case:
    """Two shots and their truth.

    Attributes
    ----------
    name : str
        What the shots are of.
    first, second : ndarray of uint8, shape (height, width, 3)
        The shots, lower plane first, aligned with the truth and matched to it in brightness.
    truth : ndarray of uint8, shape (height, width, 3)
        In focus.
    shots : ShotGeometry
        How far apart the shots are, and the size of a pixel.
    drift_um : float
        δ: how high the section lies above the middle of the shots, in µm.
    """

    name: str
    first: Pixels
    second: Pixels
    truth: Pixels
    shots: ShotGeometry
    drift_um: float


@dataclass(frozen=True, slots=True)
class Score:
    """How near an image is to the truth: PSNR in dB, and SSIM."""

    psnr: float
    ssim: float


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
    shots = [case.first, case.second]
    if brenner_gradient(case.second[inner]) > brenner_gradient(case.first[inner]):
        shots.reverse()
    mean = Mean().restore(case.first, case.second)
    images = dict(zip(BASELINES, (*shots, mean), strict=True))
    for spec in methods:
        method = make_method(replace(spec, shots=case.shots))
        pair = (case.first, case.second) if method.by_height else (shots[0], shots[1])
        images[spec.name] = restored(method, *pair)
    truth = case.truth[inner]
    return {name: Score(psnr(image[inner], truth), ssim(image[inner], truth)) for name, image in images.items()}


def restored(method: Method, first: Pixels, second: Pixels) -> Pixels:
    """What a method makes of a whole picture, whose surroundings are taken for its mirror image."""
    height, width = first.shape[:2]
    halo, stride = method.halo, method.stride
    sides = [(halo, halo + -side % stride) for side in (height, width)]
    padded = [np.pad(shot, (*sides, (0, 0)), mode="symmetric")[np.newaxis] for shot in (first, second)]
    image = method.restore(*padded)[0, halo : halo + height, halo : halo + width]
    levels: Pixels = np.clip(np.floor(image.astype(np.float32) + 0.5), 0, 255).astype(np.uint8)
    return levels
