"""What Neuroglancer is told; what it makes of it is seen in the tests of the viewers."""

import socket
import sys
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.color import rgb2lab

from wsi_refocus.errors import MissingExtraError, UsageError
from wsi_refocus.ngff.quality_image import DECISIONS
from wsi_refocus.viewing.neuroglancer import (
    DECISION_COLOURS,
    DIVERGING,
    SEQUENTIAL,
    Measure,
    Scene,
    legend,
    open_viewer,
    scene_state,
)  # fmt: skip

SCENE = Scene(
    result="http://127.0.0.1:1/result/",
    shots=[("plane-0", "http://127.0.0.1:1/plane-0/"), ("plane-4", "http://127.0.0.1:1/plane-4/")],
    quality="http://127.0.0.1:1/result/quality/",
    measures=[
        Measure("decision", 0, 4),
        Measure("brenner_output", 0.5, 30),
        Measure("flat", 2, 2),
        Measure("psnr_bound", 21, 38),
        Measure("gain_bound", -1.5, 4),
    ],
    mpp=(0.5, 0.25),
    cell_um=(256, 128),
    size=(3000, 2000),
)


def test_layers_of_a_scene() -> None:
    layers = {layer["name"]: layer for layer in scene_state(SCENE)["layers"]}
    assert list(layers) == [
        "result", "plane-0", "plane-4", "decision", "gain_bound", "psnr_bound", "brenner_output", "flat",
    ]  # fmt: skip
    assert [name for name, layer in layers.items() if layer["visible"]] == ["result"]
    assert layers["plane-4"]["source"]["url"] == "http://127.0.0.1:1/plane-4/|zarr:"
    assert layers["result"]["source"]["transform"]["outputDimensions"] == {
        "c^": [1, ""], "y": [0.5e-6, "m"], "x": [0.25e-6, "m"],
    }  # fmt: skip
    channels = [layers[name]["localPosition"] for name in ("brenner_output", "psnr_bound", "gain_bound")]
    assert channels == [[1], [3], [4]]
    assert "range=[0.5, 30]" in layers["brenner_output"]["shader"]
    assert "range=[2, 3]" in layers["flat"]["shader"]


def test_every_decision_has_a_colour_of_its_own() -> None:
    shader = next(layer for layer in scene_state(SCENE)["layers"] if layer["name"] == "decision")["shader"]
    assert set(DECISION_COLOURS) == set(DECISIONS)
    assert len({rgb for _, rgb in DECISION_COLOURS.values()}) == len(DECISIONS)
    for code in DECISIONS.values():
        assert f"decision - {code}.0" in shader


def test_what_was_not_measured_is_not_drawn_and_zero_is() -> None:
    shaders = {layer["name"]: layer["shader"] for layer in scene_state(SCENE)["layers"]}
    assert "if (getDataValue() == -9999.0) emitTransparent();" in shaders["gain_bound"]
    older = scene_state(replace(SCENE, not_measured=0.0))["layers"]
    assert "== 0.0) emitTransparent" in next(each["shader"] for each in older if each["name"] == "psnr_bound")


def test_a_gain_is_grey_at_zero_and_a_measure_grows_brighter() -> None:
    shaders = {layer["name"]: layer["shader"] for layer in scene_state(SCENE)["layers"]}
    assert "range=[-4, 4]" in shaders["gain_bound"] and "range=[21, 38]" in shaders["psnr_bound"]
    assert len(DIVERGING) % 2 == 1 and len(set(DIVERGING[len(DIVERGING) // 2])) == 1
    brightness = [_seen(colour)[0] for colour in SEQUENTIAL]
    assert min(np.diff(brightness)) > 10
    assert all("colormapJet" not in shader for shader in shaders.values())


# Machado, Oliveira and Fernandes, "A physiologically-based model for simulation of color vision deficiency" (2009),
# severity 1, for linear RGB
DEFICIENCIES = {
    "none": np.eye(3),
    "protan": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    "deutan": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
    "tritan": np.array([[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]]),
}


def _seen(colour: tuple[float, float, float], deficiency: str = "none") -> NDArray[np.float64]:
    """A colour in CIELAB, as somebody with a deficiency sees it."""
    given = np.array(colour)
    linear = np.where(given <= 0.04045, given / 12.92, ((given + 0.055) / 1.055) ** 2.4)
    seen = np.clip(DEFICIENCIES[deficiency] @ linear, 0, 1)
    return rgb2lab(np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055))


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_decisions_are_told_apart_by_everybody(deficiency: str) -> None:
    colours = [_seen(rgb, deficiency) for _, rgb in DECISION_COLOURS.values()]
    assert min(np.linalg.norm(one - two) for one, two in combinations(colours, 2)) > 20
    ends = [_seen(DIVERGING[place], deficiency) for place in (1, 3)]
    assert np.linalg.norm(ends[0] - ends[1]) > 20


def test_the_legend_names_what_is_shown() -> None:
    said = "\n".join(legend(SCENE))
    for word in (*DECISIONS, "blue", "vermilion", "gain_bound", "psnr_bound", "90 %", "left clear"):
        assert word in said
    older = replace(SCENE, measures=SCENE.measures[:2])
    assert "bound" not in "\n".join(legend(older)) and "refocused blue" in "\n".join(legend(older))
    assert legend(replace(SCENE, quality=None, measures=[])) == []


def test_a_scene_without_planes_and_quality() -> None:
    bare = Scene("http://127.0.0.1:1/result/", [], None, [], (0.5, 0.5), (0.5, 0.5), (10, 10))
    assert [layer["name"] for layer in scene_state(bare)["layers"]] == ["result"]


def test_missing_neuroglancer_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "neuroglancer", None)
    with pytest.raises(MissingExtraError, match=r'pip install "wsi-refocus\[view\]"'):
        open_viewer(SCENE)


def test_neuroglancer_listens_on_this_machine_alone() -> None:
    import neuroglancer

    neuroglancer.stop()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UsageError, match="cannot be used"):
            open_viewer(SCENE, taken.getsockname()[1])
    viewer = open_viewer(SCENE)
    try:
        assert viewer.get_viewer_url().startswith("http://127.0.0.1:")
        assert [layer.name for layer in viewer.state.layers] == [
            layer["name"] for layer in scene_state(SCENE)["layers"]
        ]
    finally:
        neuroglancer.stop()
