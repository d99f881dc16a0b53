"""Commands that run in this process set up logging; what they changed is put back."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    loggers = [logging.getLogger(), logging.getLogger("wsi_refocus"), logging.getLogger("py.warnings")]
    before = [(each, each.level, each.propagate, each.handlers[:], each.filters[:]) for each in loggers]
    yield
    for logger, level, propagate, handlers, filters in before:
        logger.setLevel(level)
        logger.propagate, logger.handlers, logger.filters = propagate, handlers, filters
    logging.captureWarnings(False)
