"""Where a scanner finds focus: at the largest Brenner gradient, which phase can move away from least blur."""

from __future__ import annotations

import numpy as np

from wsi_refocus.optics.scanner import Views
from wsi_refocus.optics.specimen import Image

HEIGHTS_UM = tuple(np.arange(-1.2, 1.3, 0.3).round(1).tolist())
"""Heights that are looked at."""
_BORDER = 24


def sharpest_height(views: Views) -> float:
    """Height in µm of the view of the largest Brenner gradient Σ (I(x + 2) − I(x))², between the heights by a parabola.

    Parameters
    ----------
    views
        All views of a specimen.
    """
    gradients = np.log([_brenner(views.at(z)) for z in HEIGHTS_UM])
    best = int(np.argmax(gradients))
    if best in (0, len(HEIGHTS_UM) - 1):
        return float(HEIGHTS_UM[best])
    before, here, after = gradients[best - 1 : best + 2]
    step = HEIGHTS_UM[1] - HEIGHTS_UM[0]
    return float(HEIGHTS_UM[best] + step * (before - after) / (2 * (before - 2 * here + after)))


def _brenner(view: Image) -> float:
    grey = view[_BORDER:-_BORDER, _BORDER:-_BORDER].mean(axis=2)
    return float(((grey[:, 2:] - grey[:, :-2]) ** 2).sum()) + 1e-9
