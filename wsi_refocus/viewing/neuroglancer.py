"""A result in Neuroglancer: the refocused slide, both shots and the quality of every tile as layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wsi_refocus.errors import MissingExtraError
from wsi_refocus.ngff.quality_image import DECISIONS, NOT_MEASURED
from wsi_refocus.viewing.server import LOOPBACK, port_error

Colour = tuple[float, float, float]

DECISION_COLOURS = {
    "refocused": ("blue", (0.0, 0.447, 0.698)),
    "kept": ("yellow", (0.941, 0.894, 0.259)),
    "background": ("grey", (0.6, 0.6, 0.6)),
    "flagged": ("vermilion", (0.835, 0.369, 0.0)),
}
"""Name and RGB of the colour that the layer ``decision`` gives to each decision: of the palette by which Okabe and Ito
(2008) keep things apart for all kinds of colour vision."""

FIRST = ("decision", "gain_bound", "psnr_bound")
"""Measures that come first: what was done to a tile, and how far it can be believed."""

SIGNED = frozenset({"gain_bound", "gain_predicted", "drift_um", "haematoxylin_change", "eosin_change"})
"""Measures of which it matters whether they are above or below 0."""

SEQUENTIAL = (
    (0.267, 0.005, 0.329),
    (0.229, 0.322, 0.546),
    (0.128, 0.567, 0.551),
    (0.369, 0.789, 0.383),
    (0.993, 0.906, 0.144),
)
"""Colours of a measure from its smallest to its largest value: five points of viridis (van der Walt and Smith 2015),
which grows evenly brighter, for all kinds of colour vision."""
DIVERGING = (
    (0.600, 0.204, 0.016),
    (0.996, 0.600, 0.161),
    (0.850, 0.850, 0.850),
    (0.400, 0.690, 0.870),
    (0.0, 0.270, 0.540),
)
"""Colours of a signed measure: brown and orange below 0, light grey at 0, blue above it."""

_RGB = """void main() {
  emitRGB(vec3(toNormalized(getDataValue(0)), toNormalized(getDataValue(1)), toNormalized(getDataValue(2))));
}
"""
_DECISION = """#uicontrol float opacity slider(min=0, max=1, default=0.35)
void main() {{
  float decision = getDataValue();
  vec4 colour = vec4(0.0);
{cases}
  emitRGBA(colour);
}}
"""
_CASE = "  if (abs(decision - {code}.0) < 0.5) colour = vec4({red}, {green}, {blue}, opacity);"
_MEASURE = """#uicontrol float opacity slider(min=0, max=1, default=0.6)
#uicontrol invlerp measure(range=[{low}, {high}])
void main() {{
  float place = measure() * {steps}.0;
  vec3 colour = {first};
{mixed}
  if (getDataValue() == {not_measured}) emitTransparent();
  else emitRGBA(vec4(colour, opacity));
}}
"""
_MIX = "  colour = mix(colour, {next}, clamp(place - {step}.0, 0.0, 1.0));"


@dataclass(frozen=True, slots=True)
class Measure:
    """A channel of the quality image.

    Attributes
    ----------
    name : str
        What it measures.
    low, high : float
        Range of its values.
    """

    name: str
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Scene:
    """What is shown.

    Attributes
    ----------
    result : str
        Address of the refocused slide.
    shots : sequence of (str, str)
        Name and address of each input plane.
    quality : str or None
        Address of the quality image.
    measures : sequence of Measure
        Its channels, ``decision`` the first.
    mpp : tuple of float
        µm per pixel (y, x) of the result.
    cell_um : tuple of float
        µm per pixel (y, x) of the quality image.
    size : tuple of int
        Height and width of the result in pixels.
    not_measured : float
        Value of the quality image that stands for none; it is not drawn.
    """

    result: str
    shots: Sequence[tuple[str, str]]
    quality: str | None
    measures: Sequence[Measure]
    mpp: tuple[float, float]
    cell_um: tuple[float, float]
    size: tuple[int, int]
    not_measured: float = NOT_MEASURED

    @property
    def layers(self) -> list[tuple[int, Measure]]:
        """Measures with the number of their channel, those of `FIRST` before the others."""
        numbered = list(enumerate(self.measures))
        places = {name: place for place, name in enumerate(FIRST)}
        return sorted(numbered, key=lambda each: places.get(each[1].name, len(FIRST)))


def scene_state(scene: Scene) -> dict[str, Any]:
    """Neuroglancer's state for a scene, as its JSON has it.

    The three colours lie in one chunk; calling their dimension ``c^`` makes Neuroglancer hand all of them to
    the shader at once.
    """
    mpp_y, mpp_x = scene.mpp
    height, width = scene.size
    layers = [_rgb_layer("result", scene.result, scene.mpp, visible=True)]
    layers += [_rgb_layer(name, address, scene.mpp, visible=False) for name, address in scene.shots]
    if scene.quality is not None:
        layers += [_measure_layer(number, measure, scene.quality, scene) for number, measure in scene.layers]
    return {
        "dimensions": {"x": [mpp_x * 1e-6, "m"], "y": [mpp_y * 1e-6, "m"]},
        "position": [width / 2, height / 2],
        "crossSectionScale": max(height / 600, width / 950, 0.1),
        "layout": "xy",
        "layers": layers,
        "showAxisLines": False,
        "selectedLayer": {"layer": "result", "visible": False},
    }


def legend(scene: Scene) -> list[str]:
    """Say what the colours of the layers mean, one line a kind of layer."""
    names = {measure.name for measure in scene.measures}
    lines = []
    if "decision" in names:
        colours = ", ".join(f"{decision} {colour}" for decision, (colour, _) in DECISION_COLOURS.items())
        lines.append(f"The layer 'decision' shows what was done to every tile: {colours}.")
    if "gain_bound" in names:
        lines.append(
            "The layer 'gain_bound' shows by how many dB a tile is better than its sharper shot at least, with 90 % "
            "probability: blue above 0, light grey at 0, orange and brown below it."
        )
    if "psnr_bound" in names:
        lines.append("The layer 'psnr_bound' shows how near to the truth it is at least: from violet to yellow.")
    if len(names) > 1:
        lines.append("Tiles without a measure are left clear.")
    return lines


def open_viewer(scene: Scene, port: int = 0) -> Any:
    """Serve Neuroglancer's client on loopback with a scene.

    Parameters
    ----------
    scene
        What to show.
    port
        Port of the client; 0 for a free one. The first call of a process decides.

    Returns
    -------
    neuroglancer.Viewer
        Its ``get_viewer_url`` gives the address; it lives as long as somebody holds it.

    Raises
    ------
    MissingExtraError
        If the package ``neuroglancer`` is not installed.
    UsageError
        If the port cannot be used.
    """
    try:
        import neuroglancer
    except ImportError:
        raise MissingExtraError(
            'Neuroglancer is not installed; run pip install "wsi-refocus[view]", or use --serve'
        ) from None
    neuroglancer.set_server_bind_address(LOOPBACK, port)
    try:
        viewer = neuroglancer.Viewer()
    except OSError as error:
        raise port_error(port, error) from error
    viewer.set_state(scene_state(scene))
    return viewer


def _rgb_layer(name: str, address: str, mpp: tuple[float, float], visible: bool) -> dict[str, Any]:
    source = {"url": f"{address}|zarr:", "transform": {"outputDimensions": _dimensions("c^", mpp)}}
    return {"type": "image", "name": name, "source": source, "shader": _RGB, "opacity": 1, "visible": visible}


def _measure_layer(number: int, measure: Measure, address: str, scene: Scene) -> dict[str, Any]:
    shader = _decision_shader() if measure.name == "decision" else _measure_shader(measure, scene.not_measured)
    return {
        "type": "image",
        "name": measure.name,
        "source": {"url": f"{address}|zarr:", "transform": {"outputDimensions": _dimensions("c'", scene.cell_um)}},
        "localDimensions": {"c'": [1, ""]},
        "localPosition": [number],
        "shader": shader,
        "opacity": 1,
        "blend": "default",
        "visible": False,
    }


def _measure_shader(measure: Measure, not_measured: float) -> str:
    low, high = measure.low, measure.high
    colours = SEQUENTIAL
    if measure.name in SIGNED:
        colours, high = DIVERGING, max(abs(low), abs(high))
        low = -high
    mixed = (_MIX.format(next=_vec3(colour), step=step) for step, colour in enumerate(colours[1:]))
    return _MEASURE.format(
        low=low,
        high=high if high > low else low + 1,
        steps=len(colours) - 1,
        first=_vec3(colours[0]),
        mixed="\n".join(mixed),
        not_measured=float(not_measured),
    )


def _vec3(colour: Colour) -> str:
    return f"vec3({', '.join(f'{part:.3f}' for part in colour)})"


def _decision_shader() -> str:
    cases = []
    for name, (_, (red, green, blue)) in DECISION_COLOURS.items():
        cases.append(_CASE.format(code=DECISIONS[name], red=red, green=green, blue=blue))
    return _DECISION.format(cases="\n".join(cases))


def _dimensions(channel: str, spacing_um: tuple[float, float]) -> dict[str, list[float | str]]:
    return {channel: [1, ""], "y": [spacing_um[0] * 1e-6, "m"], "x": [spacing_um[1] * 1e-6, "m"]}
