"""The sample's result in real viewers: what the screen shows is compared with the pixels that were written."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage.feature import match_template
from skimage.transform import resize

from tests.viewing.running import viewing
from wsi_refocus.geometry import Region
from wsi_refocus.ngff.store import read_level
from wsi_refocus.ngff.tables import read_quality
from wsi_refocus.viewing.mounts import FolderMount
from wsi_refocus.viewing.neuroglancer import DECISION_COLOURS, Scene, open_viewer, scene_state
from wsi_refocus.viewing.scene import served_scene
from wsi_refocus.viewing.server import StoreServer

pytestmark = [pytest.mark.viewers, pytest.mark.timeout(600)]

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PICTURES = ROOT / "build" / "viewers"
MAX_DIFFERENCE = 4.0
"""Mean difference in grey levels between screen and slide, both smoothed: viewers resample differently."""
SMOOTHING = (3, 3, 0)

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def scene(output: Path) -> Iterator[Scene]:
    with served_scene(output) as served:
        yield served


@pytest.fixture(scope="module")
def expected(output: Path) -> Pixels:
    """The result at a quarter of its resolution."""
    return read_level(output, 2, Region(0, 0, 742, 555))


def screenshot(address: str, name: str) -> Pixels:
    """What Chromium shows of a page; kept as a picture to look at."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    picture = PICTURES / f"{name}.png"
    subprocess.run(["node", str(HERE / "screenshot.mjs"), address, str(picture)], check=True, timeout=240)
    return np.asarray(Image.open(picture).convert("RGB"))


def difference(screen: Pixels, slide: Pixels, scales: NDArray[np.float64]) -> float:
    """Mean colour difference where the slide is found on the screen, at the scale that suits it best."""
    best, found = -1.0, np.inf
    for scale in scales:
        height, width = (round(side * scale) for side in slide.shape[:2])
        # the middle of the slide, which nothing on the screen covers
        part = resize(slide, (height, width), anti_aliasing=True, preserve_range=True)
        rows, columns = slice(height // 4, height * 3 // 4), slice(width // 8, width * 7 // 8)
        part = part[rows, columns]
        if part.shape[0] >= screen.shape[0] or part.shape[1] >= screen.shape[1]:
            continue
        likeness = match_template(screen.mean(axis=2), part.mean(axis=2))
        y, x = np.unravel_index(likeness.argmax(), likeness.shape)
        if likeness[y, x] > best:
            best = float(likeness[y, x])
            shown = screen[y : y + part.shape[0], x : x + part.shape[1]].astype(float)
            found = float(np.abs(gaussian_filter(shown, SMOOTHING) - gaussian_filter(part, SMOOTHING)).mean())
    return found


def assert_shown(screen: Pixels, slide: Pixels, scales: NDArray[np.float64]) -> None:
    """The slide is on the screen in its own colours; in others it would not pass."""
    assert difference(screen, slide, scales) < MAX_DIFFERENCE
    for wrong in (slide[..., ::-1], slide[..., [1, 0, 2]]):
        assert difference(screen, wrong, scales) > 1.5 * MAX_DIFFERENCE


def _neuroglancer(scene: Scene, visible: set[str], name: str) -> Pixels:
    viewer = open_viewer(scene)
    state = scene_state(scene)
    for layer in state["layers"]:
        layer["visible"] = layer["name"] in visible
    viewer.set_state(state)
    return screenshot(viewer.get_viewer_url(), name)


def _scale(scene: Scene) -> NDArray[np.float64]:
    return 4 / scene_state(scene)["crossSectionScale"] * np.array([0.99, 1.0, 1.01])


def test_view_shows_the_result_in_neuroglancer(output: Path, scene: Scene, expected: Pixels) -> None:
    """As a user sees it: the command prints an address, and a browser opens it."""
    with viewing(output, "--no-browser") as (address, _):
        screen = screenshot(address, f"neuroglancer-{output.name}")
    assert_shown(screen, expected, _scale(scene))


def test_neuroglancer_shows_a_captured_plane(output: Path, scene: Scene, expected: Pixels) -> None:
    screen = _neuroglancer(scene, {"plane-0"}, f"neuroglancer-plane-{output.name}")
    assert_shown(screen, expected, _scale(scene))


def test_neuroglancer_lays_the_decisions_over_the_result(output: Path, scene: Scene, expected: Pixels) -> None:
    """Tiles are tinted by a third: refocused ones blue, those that kept a shot yellow."""
    screen = _neuroglancer(scene, {"result", "decision"}, f"neuroglancer-decision-{output.name}")
    colours = np.empty(expected.shape)
    for iy, ix, decision in read_quality(output)[["iy", "ix", "decision"]].itertuples(index=False):
        # a cell of 512 pixels has 128 at a quarter of the resolution
        colours[iy * 128 : (iy + 1) * 128, ix * 128 : (ix + 1) * 128] = DECISION_COLOURS[decision][1]
    tinted = (expected * 0.65 + colours * 255 * 0.35).astype(np.uint8)
    assert difference(screen, tinted, _scale(scene)) < MAX_DIFFERENCE
    assert difference(screen, expected, _scale(scene)) > 1.5 * MAX_DIFFERENCE


def test_vizarr_shows_the_result(output: Path, expected: Pixels, tmp_path: Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(HERE / "vizarr", site)
    # what its host hands to it: where it is, and which data set to show
    incoming = json.dumps({"root": "/site/", "visualization_config": {"dataset_id": "1"}})
    (site / "index.html").write_text(
        f"<!doctype html><body><div id='app' data-incoming='{incoming}'></div>"
        "<script type='module' src='/site/index.js'></script></body>"
    )
    (site / "api" / "datasets").mkdir(parents=True)
    with StoreServer({"site": FolderMount(site), "result": FolderMount(output)}) as server:
        source = {"source_uri": f"{server.address}/result"}
        dataset = {"id": "1", "name": "result", "state": "deferred", "sources": [source]}
        (site / "api" / "datasets" / "1").write_text(json.dumps(dataset))
        screen = screenshot(f"{server.address}/site/index.html", f"vizarr-{output.name}")
    assert_shown(screen, expected, np.arange(0.85, 1.05, 0.01))
