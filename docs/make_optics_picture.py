"""Draw how simulated stacks compare with a real one: ``python docs/make_optics_picture.py [FOLDER_OF_A_REAL_STACK]``.

No pixel of the real stack is shown: only curves measured on it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

from wsi_refocus.evaluation.stack import read_stack
from wsi_refocus.geometry import Region
from wsi_refocus.optics.abbe import AbbeViews
from wsi_refocus.optics.autofocus import sharpest_height
from wsi_refocus.optics.specimen import Specimen, draw_lenses, faded
from wsi_refocus.optics.transfer import Microscope
from wsi_refocus.quality.fidelity import psnr
from wsi_refocus.quality.focus import brenner_gradient

HERE = Path(__file__).parent
FOCUS = 5
STEPS = range(-4, 5)
Z_STEP_UM = 0.5
MPP = 0.25
SEED = 4
BETWEEN = 0.6
SHOWN = (-3, -1, 0, 1, 3)
REAL_REGION = Region(300, 600, 512, 768)
Pixels = NDArray[np.uint8]


def main() -> None:
    """Draw a strip of a simulated stack, and the curves of all stacks."""
    smear = faded(draw_lenses(224, MPP, np.random.default_rng(SEED)), 10)
    stacks = {
        "simulated, phase and absorption": _simulated(smear),
        "simulated, absorption only": _simulated(Specimen(smear.density, np.zeros_like(smear.phase))),
    }
    if len(sys.argv) > 1:
        planes = read_stack(sys.argv[1], REAL_REGION)
        stacks["real blood smear"] = {step: planes[FOCUS + step] for step in STEPS}
    figure = plt.figure(figsize=(11, 6.2), layout="constrained")
    strip, curves = figure.subfigures(2, 1, height_ratios=(1, 1.25))
    for axis, step in zip(strip.subplots(1, len(SHOWN)), SHOWN, strict=True):
        axis.imshow(stacks["simulated, phase and absorption"][step][24:-24, 24:-24])
        axis.set_title(f"{step * Z_STEP_UM:+.1f} µm" if step else "in focus")
        axis.axis("off")
    _draw_curves(curves, stacks)
    figure.savefig(HERE / "images" / "optics.png", dpi=110)


def _simulated(specimen: Specimen) -> dict[int, Pixels]:
    """Stack whose truth lies between the view of least blur and the sharpest one, as for the training fields."""
    views = AbbeViews(specimen, Microscope(condenser_ratio=0.7), MPP)
    focus = BETWEEN * sharpest_height(views)
    return {step: np.clip(views.at(focus - step * Z_STEP_UM) + 0.5, 0, 255).astype(np.uint8) for step in STEPS}


def _draw_curves(figure: plt.SubFigure, stacks: dict[str, dict[int, Pixels]]) -> None:
    left, middle, right = figure.subplots(1, 3)
    near = [step for step in STEPS if step > 0]
    for name, planes in stacks.items():
        truth = planes[0]
        sharpness = np.array([brenner_gradient(planes[step]) for step in STEPS])
        left.plot(STEPS, sharpness / sharpness[-STEPS[0]], marker="o", label=name)
        middle.plot(STEPS, [_centre_of(planes[step], truth) for step in STEPS], marker="o", label=name)
        shots = [max(psnr(_like(planes[side * step], truth), truth) for side in (-1, 1)) for step in near]
        means = [psnr(_like(_mean(planes[-step], planes[step]), truth), truth) for step in near]
        right.plot(near, np.subtract(means, shots), marker="o", label=name)
    left.set(title="Brenner gradient, over that in focus", xlabel="planes from focus")
    middle.set(title="dark regions against their value in focus", xlabel="planes from focus", ylabel="grey levels")
    right.set(title="mean of two shots over the better one", xlabel="planes from focus, either side", ylabel="dB")
    right.axhline(0, color="grey", linewidth=0.8)
    middle.legend(fontsize=8)


def _centre_of(plane: Pixels, truth: Pixels) -> float:
    """Change of the darkest tenth of the truth's pixels."""
    grey = truth.mean(axis=2)
    inside = grey <= np.percentile(grey, 10)
    return float(plane.mean(axis=2)[inside].mean() - grey[inside].mean())


def _mean(one: Pixels, other: Pixels) -> Pixels:
    return ((one.astype(np.uint16) + other + 1) // 2).astype(np.uint8)


def _like(shot: Pixels, truth: Pixels) -> Pixels:
    """Shot with the mean of each channel of the truth."""
    gain = truth.mean(axis=(0, 1)) / shot.mean(axis=(0, 1))
    return np.clip(shot * gain + 0.5, 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
