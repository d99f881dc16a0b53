"""What tests of training learn from."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve images of six groups; those of the test split are all black, so that they betray themselves."""
    folder = tmp_path_factory.mktemp("images")
    generator = np.random.default_rng(0)
    lines = ["file,group,mpp,split"]
    for number in range(24):
        group, split = number // 2, "test" if number // 2 % 3 == 2 else "train"
        blobs = generator.integers(90, 250, (33, 33, 3), dtype=np.uint8)
        pixels = np.kron(blobs, np.ones((8, 8, 1), np.uint8)) if split == "train" else np.zeros((264, 264, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        lines.append(f"{number}.png,case-{group},0.25,{split}")
    path = folder / "manifest.csv"
    path.write_text("\n".join(lines))
    return path
