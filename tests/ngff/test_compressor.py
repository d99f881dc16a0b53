from pathlib import Path

import numpy as np
import pytest

from tests.ngff.stores import random_pixels, small_layout, write_slide
from wsi_refocus.errors import UsageError
from wsi_refocus.geometry import Region
from wsi_refocus.ngff.compressor import Compressor, Version
from wsi_refocus.ngff.store import open_levels, read_level


@pytest.mark.parametrize(
    ("text", "codec", "level"),
    [
        ("zstd", "zstd", 1),
        ("zstd:19", "zstd", 19),
        (" Blosc:9 ", "blosc", 9),
        ("gzip", "gzip", 1),
        ("none", "none", 0),
    ],
)
def test_what_a_user_can_write(text: str, codec: str, level: int) -> None:
    parsed = Compressor.parse(text)
    assert (parsed.codec, parsed.level) == (codec, level)


@pytest.mark.parametrize(
    "text", ["", "jpeg", "zstd:", "zstd:fast", "zstd:23", "gzip:0", "none:1", "zstd:3:4", "blosc:-1"]
)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as error:
        Compressor.parse(text)
    assert repr(text) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("version", ["0.5", "0.4"])
@pytest.mark.parametrize("compressor", ["zstd", "zstd:9", "blosc", "gzip:6", "none"])
def test_every_compressor_gives_the_pixels_back(tmp_path: Path, version: Version, compressor: str) -> None:
    layout = small_layout(300, 200, version, compressor)
    pixels = random_pixels(layout) // 64 * 64
    write_slide(tmp_path, layout, pixels)
    assert np.array_equal(read_level(tmp_path, 0, Region.whole(layout.size)), pixels)
    stored = sum(file.stat().st_size for file in (tmp_path / "0").rglob("*") if file.is_file())
    assert (stored < 0.5 * pixels.nbytes) == (compressor != "none")
    codecs = str(open_levels(tmp_path, layout)[0].compressors).lower()
    assert compressor.partition(":")[0] in codecs or (compressor, codecs) == ("none", "()")
