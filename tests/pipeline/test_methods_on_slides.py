"""Methods on whole slides: every one runs, and tiles do not show."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.pipeline.outputs import whole
from tests.support.two_shot import tissue, two_planes, write_ome_tiff
from wsi_refocus import read_provenance
from wsi_refocus.network.precision import Precision
from wsi_refocus.pipeline.refocus import refocus_slide


def _slide(folder: Path, height: int, width: int) -> Path:
    first, second = two_planes(tissue((height, width), seed=8), tilted=True)
    return write_ome_tiff(folder / "slide.ome.tiff", [first, second], mpp=0.5, compression="deflate")


@pytest.mark.parametrize("name", ["wiener", "richardson_lucy", "edf", "focus_map"])
def test_the_size_of_tiles_does_not_show(tmp_path: Path, name: str) -> None:
    slide = _slide(tmp_path, 600, 700)
    made = [
        whole(
            refocus_slide(slide, output=tmp_path / f"{tile}", method=name, tile=tile, workers=0, policy="off")
        ).astype(int)
        for tile in (128, 1024)
    ]
    assert np.abs(made[0] - made[1]).max() <= 1
    first = whole(refocus_slide(slide, output=tmp_path / "first", method="sharpest", workers=0))
    assert np.abs(made[0] - first).max() > 10


@pytest.mark.parametrize("name", ["dark_channel", "graph_prior"])
def test_blind_deblurring_of_a_slide(tmp_path: Path, name: str) -> None:
    slide = _slide(tmp_path, 256, 250)
    made = whole(refocus_slide(slide, output=tmp_path / "made", method=name, workers=0, policy="off")).astype(int)
    first = whole(refocus_slide(slide, output=tmp_path / "first", method="sharpest", workers=0))
    assert made.shape == first.shape
    assert np.abs(made - first).max() > 10


@pytest.mark.parametrize(
    ("name", "mpp", "warned"), [("tsva-lite", 0.8, True), ("tsva-lite", 0.5, False), ("mean", 0.8, False)]
)
def test_pixels_that_the_networks_were_not_trained_for_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, mpp: float, warned: bool
) -> None:
    first, second = two_planes(tissue((300, 300), seed=8), tilted=True)
    slide = write_ome_tiff(tmp_path / "slide.ome.tiff", [first, second], z_um=[-0.75, 0.75], mpp=mpp)
    summary = refocus_slide(slide, output=tmp_path / "made", method=name, workers=0)
    assert ("trained for 0.2 to 0.55 µm per pixel" in caplog.text) == warned
    trained_for = read_provenance(summary.output)["method"]["trained_for_mpp"]
    assert trained_for == ([0.2, 0.55] if name == "tsva-lite" else None)


@pytest.mark.parametrize(
    ("name", "precision", "noted"),
    [("tsva-lite", "auto", ["bfloat16"]), ("tsva-lite", "full", ["float32"]), ("sharpest", "auto", [])],
)
def test_the_output_says_what_its_network_multiplied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, precision: Precision, noted: list[str]
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True}, raising=False)
    first, second = two_planes(tissue((150, 150), seed=8), tilted=True)
    slide = write_ome_tiff(tmp_path / "slide.ome.tiff", [first, second], z_um=[-0.75, 0.75], mpp=0.31)
    summary = refocus_slide(slide, output=tmp_path / "made", method=name, precision=precision, workers=0)
    assert read_provenance(summary.output)["method"]["precision"] == noted
