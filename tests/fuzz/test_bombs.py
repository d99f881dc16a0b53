"""Small files that ask for much memory, for hours, or for code to be run: refused in one line."""

from __future__ import annotations

import json
import pickle
import struct
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.fuzz.contained import read_contained
from tests.support.ome import describe_ome
from tests.support.ome_zarr import write_ome_zarr
from tests.support.single_plane import write_svs, write_tiff
from tests.support.two_shot import tissue, write_ome_tiff
from wsi_refocus import limits
from wsi_refocus.errors import CheckpointError, SlideError, UsageError
from wsi_refocus.network.checkpoint import read_checkpoint_info
from wsi_refocus.network.zoo import default_checkpoint
from wsi_refocus.slide.declared_size import Declared, declared_size
from wsi_refocus.slide.multiscales import parse_multiscales
from wsi_refocus.slide.ome_xml import parse_ome_xml
from wsi_refocus.slide.open import open_slide
from wsi_refocus.slide.picture import read_picture

IMAGE = tissue((48, 64), seed=1)
LARGE = np.zeros((4000, 4000, 3), np.uint8)


def first_tile_becomes(path: Path, content: bytes) -> Path:
    """Let the first tile of the first directory be other bytes, at the end of the file."""
    end = path.stat().st_size
    with path.open("ab") as file:
        file.write(content)
    with tifffile.TiffFile(path, mode="r+") as tiff:
        page: Any = tiff.pages[0]
        offsets, counts = page.tags["TileOffsets"], page.tags["TileByteCounts"]
        offsets.overwrite([end, *page.dataoffsets[1:]])
        counts.overwrite([len(content), *page.databytecounts[1:]], dtype=4)
    return path


@pytest.mark.parametrize("kind", ["jpeg", "jpeg2000", "webp", "deflate", "zstd", "lzw"])
def test_a_tile_that_unpacks_to_gigabytes(kind: str, tmp_path: Path) -> None:
    bomb = {
        "jpeg": lambda: imagecodecs.jpeg8_encode(LARGE[:600, :600]).replace(
            struct.pack(">BHH", 8, 600, 600), struct.pack(">BHH", 8, 65_500, 65_500)
        ),
        "jpeg2000": lambda: imagecodecs.jpeg2k_encode(LARGE[:64, :64], codecformat="j2k").replace(
            struct.pack(">II", 64, 64), struct.pack(">II", 60_000, 60_000), 1
        ),
        "webp": lambda: imagecodecs.webp_encode(LARGE, lossless=True, level=0),
        "deflate": lambda: zlib.compress(bytes(2**26)) * 40,
        "zstd": lambda: imagecodecs.zstd_encode(bytes(2**30)),
        "lzw": lambda: imagecodecs.lzw_encode(bytes(2**24)) * 40,
    }[kind]()
    path = write_ome_tiff(tmp_path / "slide.ome.tiff", [IMAGE, IMAGE], tile=32, compression=kind)
    (answer,) = read_contained(first_tile_becomes(path, bomb))
    if kind == "lzw":  # whose decoder stops where the tile is full
        assert answer == "read"
        return
    assert "tile 0,0 of plane 0, level 0 cannot be decoded" in answer
    assert kind in ("deflate", "zstd") or "instead of 32 × 32" in answer


def test_compressions_of_unknown_size_are_refused(tmp_path: Path) -> None:
    path = write_ome_tiff(tmp_path / "slide.ome.tiff", [IMAGE, IMAGE], tile=32, compression="jpegxl")
    with pytest.raises(SlideError, match="JPEGXL, whose tiles can be of any size; convert"):
        open_slide(path)


def test_a_strip_of_a_plain_tiff_that_unpacks_to_gigabytes(tmp_path: Path) -> None:
    path = tmp_path / "slide.tiff"
    tifffile.imwrite(path, IMAGE, photometric="rgb", compression="jpeg", rowsperstrip=48, metadata=None)
    sound = path.read_bytes()
    bomb = sound.replace(struct.pack(">BHH", 8, 48, 64), struct.pack(">BHH", 8, 65_500, 65_500))
    assert bomb != sound
    (tmp_path / "bomb.tiff").write_bytes(bomb)
    whole, answer = read_contained(path, tmp_path / "bomb.tiff")
    assert whole == "read" and "65500 × 65500" in answer


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (imagecodecs.jpeg8_encode(IMAGE), (48, 64, 3)),
        (imagecodecs.jpeg2k_encode(IMAGE, codecformat="j2k"), (48, 64, 3)),
        (imagecodecs.jpeg2k_encode(IMAGE, codecformat="jp2"), (48, 64, 3)),
        (imagecodecs.png_encode(IMAGE), (48, 64, 4)),
        (imagecodecs.webp_encode(IMAGE, lossless=True), (48, 64, 4)),
        (imagecodecs.webp_encode(IMAGE, lossless=False), (48, 64, 4)),
    ],
)
def test_sizes_are_read_from_headers_and_broken_ones_are_no_error(content: bytes, size: tuple[int, ...]) -> None:
    assert declared_size(content) == Declared(*size)
    for length in range(0, min(len(content), 200), 3):
        assert declared_size(content[:length]) in (None, Declared(*size))


def test_a_frame_behind_stray_bytes_of_a_jpeg_is_not_overlooked() -> None:
    """A decoder searches on for the next marker, and would find another frame than the one that was checked."""
    sound = imagecodecs.jpeg8_encode(IMAGE)
    assert declared_size(sound[:2] + b"\0\0" + sound[2:]) is None


@pytest.mark.parametrize("first", [0, 150])
def test_directories_in_a_circle(first: int, tmp_path: Path) -> None:
    """Also one that comes after more directories than tifffile looks for a circle in."""
    path = tmp_path / "slide.tiff"
    with tifffile.TiffWriter(path) as writer:
        for _ in range(first + 3):
            writer.write(np.zeros((16, 16, 3), np.uint8), photometric="rgb", metadata=None, contiguous=False)
    with tifffile.TiffFile(path) as tiff:
        offsets = [page.offset for page in tiff.pages]
        position = tiff.pages.next_page_offset
    with path.open("r+b") as file:
        file.seek(position)
        file.write(struct.pack("<I", offsets[first + 1]))
    assert "refused" in read_contained(path)[0]


def test_levels_and_directories_beyond_all_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_ome_tiff(tmp_path / "slide.ome.tiff", [IMAGE, IMAGE, IMAGE], z_um=[-1, 0, 1], tile=16)
    for limit, amount in ((limits.DIRECTORIES, 2), (limits.TILES, 5), (limits.SLIDE_PIXELS, 48 * 64 - 1),
                          (limits.TILE_BYTES, 16 * 16 * 3 - 1), (limits.METADATA_BYTES, 300)):  # fmt: skip
        monkeypatch.setenv(limit.variable, str(amount))
        with pytest.raises(SlideError, match=limit.variable) as caught:
            open_slide(path)
        assert "\n" not in str(caught.value)
        monkeypatch.setenv(limit.variable, str(limit.default))
        open_slide(path).close()


@pytest.mark.parametrize("said", ["many", "-1", "0", "1e9", "9" * 30])
def test_a_limit_that_is_no_number(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(limits.TILES.variable, said)
    with pytest.raises(UsageError, match="must be a positive whole number"):
        _ = limits.TILES.value


def test_pictures_that_go_with_a_slide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(limits.PICTURE_PIXELS.variable, "40")
    with open_slide(write_svs(tmp_path / "slide.svs", IMAGE, tile=32)) as slide:
        assert slide.info.associated == ()
        assert any(limits.PICTURE_PIXELS.variable in note for note in slide.info.notes)
    monkeypatch.delenv(limits.PICTURE_PIXELS.variable)
    with open_slide(tmp_path / "slide.svs") as slide:
        assert "label" in slide.info.associated


def test_pictures_of_a_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = imagecodecs.png_encode(np.zeros((8, 8), np.uint8))
    header = b"IHDR" + struct.pack(">II", 60_000, 60_000) + content[24:29]
    bomb = content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:]
    (tmp_path / "a.png").write_bytes(bomb)
    with pytest.raises(SlideError, match=limits.PICTURE_PIXELS.variable):
        read_picture(tmp_path / "a.png")
    Image.fromarray(IMAGE).save(tmp_path / "b.png")
    assert np.array_equal(read_picture(tmp_path / "b.png"), IMAGE)
    monkeypatch.setenv(limits.PICTURE_PIXELS.variable, "1000")
    with pytest.raises(SlideError, match=limits.PICTURE_PIXELS.variable):
        read_picture(tmp_path / "b.png")


def test_a_broken_icc_profile_is_left_out_and_said(tmp_path: Path) -> None:
    with open_slide(write_svs(tmp_path / "slide.svs", IMAGE, tile=32, icc_profile=b"no profile")) as slide:
        assert slide.info.icc_profile is None
        assert any("ICC profile" in note for note in slide.info.notes)


@pytest.mark.parametrize("sign", ["<!DOCTYPE x SYSTEM 'file:///etc/passwd'>", '<!ENTITY a "b">'])
def test_entities_in_the_description_of_any_tiff(sign: str, tmp_path: Path) -> None:
    """Other libraries parse these descriptions, in ways of their own."""
    path = write_tiff(tmp_path / "slide.tiff", IMAGE)
    tifffile.imwrite(path, IMAGE, photometric="rgb", tile=(32, 32), description=f"<?xml?>{sign}<scn/>", metadata=None)
    with pytest.raises(SlideError, match="refused as unsafe"):
        open_slide(path)


def test_documents_that_would_take_hours() -> None:
    block = "<TiffData/>" * 2_000
    text = describe_ome((10, 20), 2, z_um=(0, 1)).replace("<TiffData", f"{block}<TiffData", 1)
    with pytest.raises(SlideError, match="again and again"):
        parse_ome_xml(text, "slide.ome.tiff", 9_999)
    image = '<Image><Pixels SizeX="1" SizeY="1" SizeC="1" SizeT="1" SizeZ="9999"/></Image>'
    with pytest.raises(SlideError, match="images in its OME-XML"):
        parse_ome_xml(f"<OME>{image * 10_001}</OME>", "slide.ome.tiff", 2)
    with pytest.raises(SlideError, match="sizes"):
        parse_ome_xml(f"<OME>{image * 5_000}</OME>", "slide.ome.tiff", 2)


@pytest.mark.parametrize("name", ["../../secret/0", "/etc/0", "a/../../b", "", ".", "a\\b", "a\0"])
def test_levels_outside_of_their_store(name: str) -> None:
    content = {"multiscales": [{"axes": ["c", "y", "x"], "datasets": [{"path": name}]}]}
    with pytest.raises(SlideError, match="outside of the store"):
        parse_multiscales(content, "slide.ome.zarr")


class Sprung:
    """What runs when it is unpickled."""

    def __init__(self, trap: Path) -> None:
        self.trap = trap

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.trap,)


@pytest.mark.parametrize("where", ["compressor", "filters"])
@pytest.mark.parametrize("dtype", ["|u1", "|O"])
def test_a_store_whose_chunks_are_pickles(where: str, dtype: str, tmp_path: Path) -> None:
    store = write_ome_zarr(tmp_path / "slide.ome.zarr", [IMAGE, IMAGE], version="0.4", levels=1)
    document = json.loads((store / "0/.zarray").read_text())
    document |= {"dtype": dtype, "compressor": None, where: {"id": "pickle"} if where == "compressor" else None}
    document["filters"] = [{"id": "pickle"}] if where == "filters" else None
    (store / "0/.zarray").write_text(json.dumps(document))
    for chunk in (path for path in (store / "0").rglob("*") if path.is_file() and path.name != ".zarray"):
        chunk.write_bytes(pickle.dumps(Sprung(tmp_path / "sprung")))
    with pytest.raises(SlideError), open_slide(store):
        pass
    assert not (tmp_path / "sprung").exists()


def test_a_checkpoint_larger_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WSI_REFOCUS_MAX_CHECKPOINT_BYTES", "1000")
    with pytest.raises(CheckpointError, match="set WSI_REFOCUS_MAX_CHECKPOINT_BYTES higher"):
        read_checkpoint_info(default_checkpoint())
    monkeypatch.setenv("WSI_REFOCUS_MAX_CHECKPOINT_BYTES", "much")
    with pytest.raises(UsageError, match="whole number"):
        read_checkpoint_info(default_checkpoint())
