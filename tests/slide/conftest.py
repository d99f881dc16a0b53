"""One small tissue, seen at two focal planes, for all tests of the readers."""

from __future__ import annotations

import pytest

from tests.support.two_shot import Image, tissue, two_planes


@pytest.fixture(scope="session")
def planes() -> tuple[Image, Image]:
    return two_planes(tissue((420, 560), seed=3), shift=(1.5, -2.0))
