"""A picture that shows at a glance what a run did: the shots, the result and the truth side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from wsi_refocus.geometry import Region, Size

EDGE = 384
"""Largest edge in pixels of the part of the slide that is shown, one to one."""
_GAP, _CAPTION = 8, 34
_PAPER, _INK = (250, 250, 250), (30, 30, 30)


def telling_place(table: pd.DataFrame, size: Size) -> Region:
    """Choose a part of the slide that is worth looking at: refocused, full of tissue, rich in detail.

    Parameters
    ----------
    table
        Quality table.
    size
        Extent of the slide in pixels.

    Returns
    -------
    Region
        Middle of the cell with the largest Brenner gradient of the result among those that are mostly tissue;
        refocused cells before others.
    """
    refocused = table["decision"] == "refocused"
    mostly = table["tissue_fraction"] >= 0.8 * table["tissue_fraction"].max()
    candidates = table
    for wanted in (refocused, mostly):
        narrowed = candidates[wanted.loc[candidates.index]]
        candidates = candidates if narrowed.empty else narrowed
    detail = candidates["brenner_output"] * candidates["height"] * candidates["width"]
    best = candidates.iloc[int(detail.to_numpy().argmax())]
    height, width = min(EDGE, size.height), min(EDGE, size.width)
    y = int(best["y"] + best["height"] // 2 - height // 2)
    x = int(best["x"] + best["width"] // 2 - width // 2)
    return Region(max(0, min(y, size.height - height)), max(0, min(x, size.width - width)), height, width)


def side_by_side(panels: Mapping[str, NDArray[np.uint8]], path: str | Path) -> None:
    """Write pictures of one size beside one another, each with its caption above.

    Parameters
    ----------
    panels
        Caption and RGB of shape (height, width, 3) of each.
    path
        PNG file to write.
    """
    pictures = {caption: Image.fromarray(pixels) for caption, pixels in panels.items()}
    width, height = next(iter(pictures.values())).size
    sheet = Image.new("RGB", (len(pictures) * (width + _GAP) + _GAP, height + _CAPTION + _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=18)
    for number, (caption, picture) in enumerate(pictures.items()):
        x = _GAP + number * (width + _GAP)
        draw.text((x, 7), caption, fill=_INK, font=font)
        sheet.paste(picture, (x, _CAPTION))
    sheet.save(path)
