"""Slides and weights that several test folders use, made once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.network.networks import SMALL_LITE, random_lite
from tests.support.two_shot import BACKGROUND, tissue, two_planes, write_ome_tiff
from wsi_refocus.network.checkpoint import save_checkpoint
from wsi_refocus.network.dual_plane import Guesses
from wsi_refocus.network.model_card import ModelCard

Image = NDArray[np.uint8]

_LONGEST = ("evaluation", "training", "pipeline", "cli")
"""Folders whose tests take longest: they begin first, so that no process is left alone with them at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest first, and leave the order else as it is."""
    items.sort(key=lambda item: item.path.parent.name not in _LONGEST)


@pytest.fixture(scope="session")
def truth() -> Image:
    """In-focus tissue of 2100 × 2600 pixels, four shards and thirty cells; one corner is empty glass."""
    image = tissue((2100, 2600), seed=11)
    image[:1060, :1060] = BACKGROUND
    return image


@pytest.fixture(scope="session")
def shots(truth: Image) -> tuple[Image, Image]:
    """Two shots; the first is the sharper one on the left half, the second on the right."""
    return two_planes(truth, tilted=True)


@pytest.fixture(scope="session")
def slide(shots: tuple[Image, Image], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two shots as a pyramidal OME-TIFF, without loss."""
    path = tmp_path_factory.mktemp("slide") / "slide.ome.tiff"
    write_ome_tiff(path, list(shots), z_um=[-0.75, 0.75], mpp=0.5, compression="deflate")
    return path


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network that does something, though nothing good: enough to tell right from wrong joins."""
    network = random_lite(replace(SMALL_LITE, guesses=Guesses((-0.7, 0.0, 0.7))), seed=3)
    card = ModelCard(summary="For tests.", data="None.", licence="Apache-2.0")
    return save_checkpoint(tmp_path_factory.mktemp("weights") / "small.safetensors", network, card)
