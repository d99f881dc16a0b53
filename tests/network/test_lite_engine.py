"""The engine for CPUs says what the network says."""

import pytest
import torch

from tests.network.networks import random_bank, random_lite
from wsi_refocus.network import lite_engine
from wsi_refocus.network.dual_plane import WithFilters
from wsi_refocus.network.lite import LiteConfig
from wsi_refocus.network.lite_engine import LiteEngine

CONFIG = LiteConfig(width=8, growth=4, dilations=(1, 2, 1), context=12, context_dilations=(1, 2))
GREY = 1 / 255


def _shots(height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    first, second = torch.rand(2, 1, 3, height, width, generator=torch.Generator().manual_seed(0))
    return first, second


@pytest.mark.parametrize("strip", [1, 700, 80_000])
@pytest.mark.parametrize("size", [(64, 80), (8, 8), (104, 24)])
def test_strips_change_nothing(monkeypatch: pytest.MonkeyPatch, strip: int, size: tuple[int, int]) -> None:
    monkeypatch.setitem(lite_engine.STRIPS, torch.float32, strip)
    network, bank = random_lite(CONFIG), random_bank()
    shots = _shots(*size)
    with torch.inference_mode():
        made = LiteEngine(network, bank)(*shots)
        torch.testing.assert_close(made, WithFilters(network, bank)(*shots), atol=0.01 * GREY, rtol=0)


@pytest.mark.parametrize("margin", [16, 24, 48, 200])
def test_what_lies_inside_the_margin_stays(margin: int) -> None:
    network, bank = random_lite(CONFIG), random_bank()
    shots = _shots(160, 136)
    with torch.inference_mode():
        made = LiteEngine(network, bank, margin)(*shots)
        inner = (..., slice(margin, -margin), slice(margin, -margin))
        torch.testing.assert_close(made[inner], WithFilters(network, bank)(*shots)[inner], atol=0.01 * GREY, rtol=0)
    if margin == 48:
        assert torch.equal(made[..., 0, :], (shots[0] + shots[1])[..., 0, :] / 2)


def test_it_says_how_high_the_section_lies() -> None:
    network, bank = random_lite(CONFIG), random_bank()
    shots = _shots(64, 72)
    with torch.inference_mode():
        height = LiteEngine(network, bank).height_um(*shots)
        torch.testing.assert_close(height, WithFilters(network, bank).height_um(*shots))
