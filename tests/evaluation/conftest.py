"""A stack and images; and what commands in this process changed of the logging is put back."""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from tests.support.two_shot import tissue
from wsi_refocus.training.manifest import Entry

SIGMAS = (3.0, 2.0, 0.0, 1.0, 2.0)


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    loggers = [logging.getLogger(), logging.getLogger("wsi_refocus"), logging.getLogger("py.warnings")]
    before = [(each, each.level, each.propagate, each.handlers[:], each.filters[:]) for each in loggers]
    yield
    for logger, level, propagate, handlers, filters in before:
        logger.setLevel(level)
        logger.propagate, logger.handlers, logger.filters = propagate, handlers, filters
    logging.captureWarnings(False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stack through focus; its first plane is moved and dimmer."""
    path = tmp_path_factory.mktemp("stack")
    truth = tissue((128, 160), seed=3).astype(np.float32)
    for number, sigma in enumerate(SIGMAS):
        plane = ndimage.gaussian_filter(truth, (sigma, sigma, 0))
        if number == 0:
            plane = 0.9 * ndimage.shift(plane, (1.5, -1.0, 0), mode="mirror")
        Image.fromarray(plane.clip(0, 255).astype(np.uint8)).save(path / f"plane_{number}.png")
    return path


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> list[Entry]:
    path = tmp_path_factory.mktemp("images")
    for split in ("train", "test"):
        Image.fromarray(tissue((340, 340), seed=len(split))).save(path / f"{split}.png")
    return [Entry(path / f"{split}.png", split, 0.25, split) for split in ("train", "test")]
