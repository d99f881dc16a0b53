"""Make the pictures of the documentation from the sample slides: ``python docs/make_pictures.py``."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from wsi_refocus.pipeline.refocus import refocus_slide

HERE = Path(__file__).parent
SAMPLES = HERE.parent / "sample_slides"


def main() -> None:
    """Refocus the sample slide and keep its preview."""
    with tempfile.TemporaryDirectory() as folder:
        summary = refocus_slide(
            SAMPLES / "cmu-1-two-shot.ome.tiff",
            output=Path(folder) / "sample.ome.zarr",
            reference=str(SAMPLES / "cmu-1-truth.ome.tiff"),
        )
        shutil.copy(summary.preview, HERE / "images" / "sample.png")
    print(summary.to_text())


if __name__ == "__main__":
    main()
