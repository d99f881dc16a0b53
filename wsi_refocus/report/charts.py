"""Histograms of measures and the surface of focus, as pictures."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.report.images import Picture
from wsi_refocus.report.rendering import data_uri, number
from wsi_refocus.report.wording import count

if TYPE_CHECKING:  # matplotlib takes half a second to import
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_BINS = 40
_MOST_PATCHES = 48
"""Patches of the surface along a side; more cannot be told apart."""
_INK = "#1b1f24"
_STYLES: tuple[dict[str, Any], ...] = (
    {"color": "#5aa9dc", "edgecolor": "#00558a", "histtype": "stepfilled", "linewidth": 1.0},
    {"color": "#8a3b00", "histtype": "step", "linewidth": 2.0, "linestyle": (0, (4, 1.5))},
)
"""Of the first and the second series; they differ by more than colour."""
_SETTINGS: Any = {
    "svg.hashsalt": "wsi-refocus",
    "font.size": 9.5,
    "axes.edgecolor": "#6e7781",
    "axes.labelcolor": _INK,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
}

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Topography:
    """Heights over a slide.

    Attributes
    ----------
    picture : Picture
        The surface.
    low, high, median : float
        Of the cells' heights in µm.
    tilt : tuple of float or None
        Slope (down the slide, to the right) of the best plane in µm per mm; None for too few cells.
    roughness : float or None
        Root mean square of what the plane leaves, in µm.
    """

    picture: Picture
    low: float
    high: float
    median: float
    tilt: tuple[float, float] | None
    roughness: float | None


def histogram(series: Mapping[str, Floats], axis: str, unit: str, *, signed: bool = False) -> Picture | None:
    """Draw how often which values occur; None where no series holds any.

    Parameters
    ----------
    series
        Name and finite values of one or two measures of the same unit.
    axis
        What the values are.
    unit
        Their unit.
    signed
        Whether values may be negative: then zero is marked.
    """
    filled = {name: values for name, values in series.items() if values.size}
    if not filled:
        return None
    import matplotlib as mpl
    from matplotlib.figure import Figure

    edges = _edges(np.concatenate(list(filled.values())))
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(4.4, 2.7), layout="constrained")
        axes = figure.subplots()
        for name, style in zip(series, _STYLES, strict=False):
            if name in filled:
                axes.hist(filled[name], bins=edges.tolist(), label=name, **style)
        if signed and edges[0] <= 0 <= edges[-1]:
            axes.axvline(0, color=_INK, linewidth=1.2)
        axes.set(xlabel=f"{axis}, {unit}", ylabel="tiles")
        axes.spines[["top", "right"]].set_visible(False)
        _whole_counts(axes)
        if len(filled) > 1:
            figure.legend(loc="outside upper left", frameon=False, ncols=2)
        content = _svg(figure)
    return Picture(data_uri(content, "image/svg+xml"), 440, 270, _told(filled, axis, unit, signed))


def topography(heights: Floats, cell_um: tuple[float, float], name: str) -> Topography | None:
    """Draw heights over the slide as a surface of one patch a cell; None where nothing was measured.

    Parameters
    ----------
    heights
        Height of every cell in µm, shape (rows, columns), NaN where it is not known.
    cell_um
        Height and width of a cell in µm.
    name
        What the heights are.
    """
    known = heights[np.isfinite(heights)]
    if not known.size:
        return None
    tilt, roughness = _plane(heights, cell_um)
    low, median, high = (float(each) for each in np.quantile(known, [0, 0.5, 1]))
    slope = (
        ""
        if tilt is None or roughness is None
        else f" Tilt {number(tilt[0], 2, True)} µm per mm downwards and {number(tilt[1], 2, True)} µm per mm to the "
        f"right; {number(roughness)} µm root mean square beside the tilt."
    )
    alt = (
        f"Surface of the {name} over the slide, {count(known.size, 'tile')}: lowest {number(low, 2, True)} µm, median "
        f"{number(median, 2, True)} µm, highest {number(high, 2, True)} µm.{slope}"
    )
    step = -(-max(heights.shape) // _MOST_PATCHES)
    content = _surface(_block_means(heights, step), (cell_um[0] * step, cell_um[1] * step), name)
    return Topography(Picture(data_uri(content, "image/png"), 560, 430, alt), low, high, median, tilt, roughness)


def _edges(values: Floats) -> Floats:
    """Borders of bins that suit all series."""
    low, high = float(values.min()), float(values.max())
    if high - low < 1e-9 * max(1.0, abs(low)):
        return np.array([low - 0.5, low + 0.5])
    edges = np.histogram_bin_edges(values, "fd")
    bins = min(max(len(edges) - 1, 8), _MOST_BINS)
    return np.linspace(low, high, bins + 1)


def _told(series: Mapping[str, Floats], axis: str, unit: str, signed: bool) -> str:
    parts = []
    for name, values in series.items():
        low, median, high = (number(float(each), 2, signed) for each in np.quantile(values, [0, 0.5, 1]))
        parts.append(f"{name}: {count(values.size, 'tile')}, from {low} to {high} {unit}, median {median} {unit}")
    return f"Histogram of the {axis}. {'; '.join(parts)}."


def _whole_counts(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))


def _svg(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _block_means(heights: Floats, step: int) -> Floats:
    """Means of the known heights over ``step`` × ``step`` cells."""
    if step == 1:
        return heights
    rows, columns = heights.shape
    padded = np.pad(heights, ((0, -rows % step), (0, -columns % step)), constant_values=np.nan)
    blocks = padded.reshape(padded.shape[0] // step, step, padded.shape[1] // step, step)
    known = np.isfinite(blocks)
    number_known = known.sum(axis=(1, 3))
    sums = np.where(known, blocks, 0).sum(axis=(1, 3))
    return np.where(number_known > 0, sums / np.maximum(number_known, 1), np.nan)


def _plane(heights: Floats, cell_um: tuple[float, float]) -> tuple[tuple[float, float] | None, float | None]:
    """Slope of the best plane in µm per mm, and the root mean square of what it leaves."""
    iy, ix = np.nonzero(np.isfinite(heights))
    places = np.stack([iy * cell_um[0] / 1000, ix * cell_um[1] / 1000, np.ones(len(iy))], axis=1)
    values = heights[iy, ix]
    solution, _, rank, _ = np.linalg.lstsq(places, values, rcond=None)
    if rank < 3 or len(values) < 4:
        return None, None
    rest = values - places @ solution
    return (float(solution[0]), float(solution[1])), float(np.sqrt(np.mean(rest**2)))


def _corners(heights: Floats) -> Floats:
    """Height at every corner of cells: mean of the known cells that touch it."""
    padded = np.pad(heights, 1, constant_values=np.nan)
    fours = np.stack([padded[:-1, :-1], padded[1:, :-1], padded[:-1, 1:], padded[1:, 1:]])
    known = np.isfinite(fours)
    means: Floats = np.where(known, fours, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return means


def _surface(heights: Floats, cell_um: tuple[float, float], name: str) -> bytes:
    import matplotlib as mpl
    from matplotlib import colormaps
    from matplotlib.figure import Figure
    from mpl_toolkits.mplot3d.art3d import Poly3DCollection

    corners = _corners(heights)
    ys, xs = (np.arange(side + 1) * edge / 1000 for side, edge in zip(heights.shape, cell_um, strict=True))
    patches = []
    for y, x in np.argwhere(np.isfinite(heights)):
        around = [(y, x), (y, x + 1), (y + 1, x + 1), (y + 1, x)]
        patches.append([(xs[ix], ys[iy], corners[iy, ix]) for iy, ix in around])
    values = heights[np.isfinite(heights)]
    low, high = float(values.min()), float(values.max())
    shares = (values - low) / (high - low) if high > low else np.full(values.size, 0.5)
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(5.6, 4.3))
        axes: Any = figure.add_axes((0.0, 0.03, 0.9, 0.97), projection="3d")
        faces = colormaps["cividis"](shares)
        axes.add_collection3d(Poly3DCollection(patches, facecolors=faces, edgecolors="#1b1f24", linewidths=0.3))
        margin = max(0.1, 0.15 * (high - low))
        axes.set(xlim=(0, xs[-1]), ylim=(ys[-1], 0), zlim=(low - margin, high + margin))
        axes.set(xlabel="to the right, mm", ylabel="down, mm")
        axes.set_zlabel(f"{name}, µm", labelpad=8)
        axes.tick_params(pad=1, labelsize=8)
        axes.locator_params(nbins=5)
        axes.set_box_aspect(_aspect(xs[-1], ys[-1]), zoom=0.92)
        axes.view_init(elev=32, azim=-62)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=220, metadata={"Software": None})
    return buffer.getvalue()


def _aspect(width: float, height: float) -> tuple[float, float, float]:
    """Edges of the drawn box: the slide's own proportions, but never a needle; heights are stretched."""
    longest = max(width, height)
    return max(0.35, width / longest), max(0.35, height / longest), 0.5
