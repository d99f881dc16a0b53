"""Networks multiply with fewer digits where that is faster, and nobody can see it in the result."""

from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
import torch

from tests.network.networks import random_tsva
from wsi_refocus.geometry import Region
from wsi_refocus.methods import MethodSpec, ShotGeometry, make_method
from wsi_refocus.network.dual_plane import WithFilters
from wsi_refocus.network.inference import NetworkMethod
from wsi_refocus.network.lite import TsvaLite
from wsi_refocus.network.lite_engine import LiteEngine
from wsi_refocus.network.precision import Precision, resolve_precision
from wsi_refocus.slide.open import SlideSpec

SAMPLE = Path(__file__).parents[2] / "sample_slides" / "cmu-1-two-shot.ome.tiff"
EDGE = 384


@pytest.mark.parametrize(("y", "x"), [(512, 512), (1900, 1000)])
def test_half_of_the_digits_change_less_than_a_grey_level(y: int, x: int) -> None:
    with SlideSpec((str(SAMPLE),)).open() as source:
        planes = [source.read_region(plane, 0, Region(y, x, EDGE, EDGE)) for plane in (0, 1)]
    method = make_method(MethodSpec("tsva-lite", shots=ShotGeometry(1.5, 0.5), precision="full"))
    assert isinstance(method, NetworkMethod)
    assert method.precision == "float32"
    whole = method.network
    assert isinstance(whole, WithFilters)
    assert isinstance(whole.network, TsvaLite)
    engine = LiteEngine(whole.network, whole.filters, precision=torch.bfloat16)  # type: ignore[arg-type]
    shots = [torch.from_numpy(plane).permute(2, 0, 1)[None] / 255 for plane in planes]
    with torch.inference_mode():
        exact, rounded = (255 * made(*shots) for made in (whole, engine))
        heights = [1000 * made.height_um(*shots) for made in (whole, engine)]
    assert 0 < (rounded - exact).abs().max() < 1
    assert 0 < (rounded - exact).abs().mean() < 0.06
    torch.testing.assert_close(heights[1], heights[0], atol=20, rtol=0)


@pytest.mark.parametrize(
    ("has", "asked", "expected"),
    [
        ({"amx_bf16": True}, "auto", torch.bfloat16),
        ({"amx_bf16": True}, "full", torch.float32),
        ({"amx_bf16": False, "avx512_bf16": True}, "auto", torch.float32),  # slower with it than without
        ({"neon": True}, "auto", torch.float32),
        (None, "auto", torch.float32),
    ],
)
def test_processors_without_the_instructions_keep_all_digits(
    monkeypatch: pytest.MonkeyPatch, has: dict[str, bool] | None, asked: Precision, expected: torch.dtype
) -> None:
    if has is None:
        monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    else:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: MappingProxyType(has), raising=False)
    assert resolve_precision(asked, "cpu") == expected


@pytest.mark.parametrize(("asked", "noted"), [("auto", "float32"), ("full", "float32"), ("half", "bfloat16")])
def test_networks_without_an_engine_lose_digits_only_if_told(
    monkeypatch: pytest.MonkeyPatch, asked: Precision, noted: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True}, raising=False)
    network = random_tsva()
    method = NetworkMethod("tsva", network, precision=asked)
    assert method.precision == noted
    tile = np.random.default_rng(0).integers(0, 255, (1, 64, 64, 3), np.uint8)
    with torch.inference_mode():
        expected = network(*[torch.from_numpy(tile).permute(0, 3, 1, 2) / 255] * 2)[0].permute(1, 2, 0) * 255
    error = np.abs(method.restore(tile, tile)[0] - expected.clamp(0, 255).numpy()).max()
    assert (error < 0.01) == (noted == "float32")
    assert error < 5
