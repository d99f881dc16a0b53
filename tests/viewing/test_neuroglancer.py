"""What Neuroglancer is told; what it makes of it is seen in the tests of the viewers."""

import socket
import sys

import pytest

from wsi_refocus.errors import MissingExtraError, UsageError
from wsi_refocus.ngff.quality_image import DECISIONS
from wsi_refocus.viewing.neuroglancer import DECISION_COLOURS, Measure, Scene, open_viewer, scene_state

SCENE = Scene(
    result="http://127.0.0.1:1/result/",
    shots=[("plane-0", "http://127.0.0.1:1/plane-0/"), ("plane-4", "http://127.0.0.1:1/plane-4/")],
    quality="http://127.0.0.1:1/result/quality/",
    measures=[Measure("decision", 0, 4), Measure("brenner_output", 0.5, 30), Measure("flat", 2, 2)],
    mpp=(0.5, 0.25),
    cell_um=(256, 128),
    size=(3000, 2000),
)


def test_layers_of_a_scene() -> None:
    layers = {layer["name"]: layer for layer in scene_state(SCENE)["layers"]}
    assert list(layers) == ["result", "plane-0", "plane-4", "decision", "brenner_output", "flat"]
    assert [name for name, layer in layers.items() if layer["visible"]] == ["result"]
    assert layers["plane-4"]["source"]["url"] == "http://127.0.0.1:1/plane-4/|zarr:"
    assert layers["result"]["source"]["transform"]["outputDimensions"] == {
        "c^": [1, ""], "y": [0.5e-6, "m"], "x": [0.25e-6, "m"],
    }  # fmt: skip
    assert layers["brenner_output"]["localPosition"] == [1]
    assert "range=[0.5, 30]" in layers["brenner_output"]["shader"]
    assert "range=[2, 3]" in layers["flat"]["shader"]


def test_every_decision_has_a_colour_of_its_own() -> None:
    shader = next(layer for layer in scene_state(SCENE)["layers"] if layer["name"] == "decision")["shader"]
    assert set(DECISION_COLOURS) == set(DECISIONS)
    assert len({rgb for _, rgb in DECISION_COLOURS.values()}) == len(DECISIONS)
    for code in DECISIONS.values():
        assert f"decision - {code}.0" in shader


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
