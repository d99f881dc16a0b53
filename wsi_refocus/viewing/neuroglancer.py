"""A result in Neuroglancer: the refocused slide, both shots and the quality of every tile as layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wsi_refocus.errors import MissingExtraError
from wsi_refocus.ngff.quality_image import DECISIONS
from wsi_refocus.viewing.server import LOOPBACK, port_error

DECISION_COLOURS = {
    "refocused": ("green", (0.1, 0.65, 0.2)),
    "kept": ("yellow", (0.95, 0.75, 0.1)),
    "background": ("grey", (0.55, 0.55, 0.55)),
    "flagged": ("red", (0.85, 0.1, 0.1)),
}
"""Name and RGB of the colour that the layer ``decision`` gives to each decision."""

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
_MEASURE = """#uicontrol float opacity slider(min=0, max=1, default=0.5)
#uicontrol invlerp measure(range=[{low}, {high}])
void main() {{
  emitRGBA(vec4(colormapJet(measure()), opacity));
}}
"""


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
    """

    result: str
    shots: Sequence[tuple[str, str]]
    quality: str | None
    measures: Sequence[Measure]
    mpp: tuple[float, float]
    cell_um: tuple[float, float]
    size: tuple[int, int]


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
        layers += [
            _measure_layer(number, measure, scene.quality, scene.cell_um)
            for number, measure in enumerate(scene.measures)
        ]
    return {
        "dimensions": {"x": [mpp_x * 1e-6, "m"], "y": [mpp_y * 1e-6, "m"]},
        "position": [width / 2, height / 2],
        "crossSectionScale": max(height / 600, width / 950, 0.1),
        "layout": "xy",
        "layers": layers,
        "showAxisLines": False,
        "selectedLayer": {"layer": "result", "visible": False},
    }


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


def _measure_layer(number: int, measure: Measure, address: str, cell_um: tuple[float, float]) -> dict[str, Any]:
    high = measure.high if measure.high > measure.low else measure.low + 1
    return {
        "type": "image",
        "name": measure.name,
        "source": {"url": f"{address}|zarr:", "transform": {"outputDimensions": _dimensions("c'", cell_um)}},
        "localDimensions": {"c'": [1, ""]},
        "localPosition": [number],
        "shader": _decision_shader() if measure.name == "decision" else _MEASURE.format(low=measure.low, high=high),
        "opacity": 1,
        "blend": "default",
        "visible": False,
    }


def _decision_shader() -> str:
    cases = []
    for name, (_, (red, green, blue)) in DECISION_COLOURS.items():
        cases.append(_CASE.format(code=DECISIONS[name], red=red, green=green, blue=blue))
    return _DECISION.format(cases="\n".join(cases))


def _dimensions(channel: str, spacing_um: tuple[float, float]) -> dict[str, list[float | str]]:
    return {channel: [1, ""], "y": [spacing_um[0] * 1e-6, "m"], "x": [spacing_um[1] * 1e-6, "m"]}
