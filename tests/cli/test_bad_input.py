"""Bad input: one line that names the file and a way out, the right exit code, and no data lost."""

import resource
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from tests.cli.command import call
from tests.support.single_plane import write_tiff
from tests.support.two_shot import tissue, two_planes, write_ome_tiff

BOMB = """<?xml version="1.0"?><!DOCTYPE bomb [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">&c;</OME>"""


def _planes(count: int = 2, size: int = 500) -> list[np.ndarray]:
    return [*two_planes(tissue(size, seed=1)), *two_planes(tissue(size, seed=1))][:count]


def _one_plane(folder: Path) -> list[str | Path]:
    return [write_ome_tiff(folder / "slide.ome.tiff", _planes(1), z_um=[0.0])]


def _plane_that_is_not_there(folder: Path) -> list[str | Path]:
    return [write_ome_tiff(folder / "slide.ome.tiff", _planes()), "--planes", "0,7"]


def _sixteen_bits(folder: Path) -> list[str | Path]:
    tifffile.imwrite(folder / "slide.ome.tiff", np.zeros((2, 300, 300, 3), np.uint16), photometric="rgb",
                     metadata={"axes": "ZYXS", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5})  # fmt: skip
    return [folder / "slide.ome.tiff"]


def _fluorescence(folder: Path) -> list[str | Path]:
    tifffile.imwrite(folder / "slide.ome.tiff", np.zeros((4, 2, 300, 300), np.uint8), photometric="minisblack",
                     metadata={"axes": "CZYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5})  # fmt: skip
    return [folder / "slide.ome.tiff"]


def _no_mpp(folder: Path) -> list[str | Path]:
    return [write_ome_tiff(folder / "slide.ome.tiff", _planes(), mpp=None)]


def _truncated(folder: Path) -> list[str | Path]:
    path = write_ome_tiff(folder / "slide.ome.tiff", _planes())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return [path]


def _text(folder: Path) -> list[str | Path]:
    (folder / "slide.svs").write_text("not a slide\n" * 50)
    return [folder / "slide.svs"]


def _missing(folder: Path) -> list[str | Path]:
    return [folder / "slide.svs"]


def _broken_xml(folder: Path) -> list[str | Path]:
    return [write_ome_tiff(folder / "slide.ome.tiff", _planes(), xml="<OME><Image></OME")]


def _entity_bomb(folder: Path) -> list[str | Path]:
    return [write_ome_tiff(folder / "slide.ome.tiff", _planes(), xml=BOMB)]


def _different_sizes(folder: Path) -> list[str | Path]:
    near = write_tiff(folder / "slide.tiff", tissue((600, 600), seed=1))
    return [near, write_tiff(folder / "far.tiff", tissue((600, 700), seed=1))]


def _different_mpp(folder: Path) -> list[str | Path]:
    near = write_tiff(folder / "slide.tiff", tissue((600, 600), seed=1), mpp=0.25)
    return [near, write_tiff(folder / "far.tiff", tissue((600, 600), seed=1), mpp=0.5)]


def _pickle(folder: Path) -> list[str | Path]:
    (folder / "slide.pt").write_bytes(b"\x80\x04\x95\x00")
    return [write_ome_tiff(folder / "two.ome.tiff", _planes()), "--method", "tsva", "--checkpoint", folder / "slide.pt"]


def _cut_checkpoint(folder: Path) -> list[str | Path]:
    (folder / "slide.safetensors").write_bytes(b"\x00\x01\x00\x00\x00\x00\x00\x00{")
    slide = write_ome_tiff(folder / "two.ome.tiff", _planes())
    return [slide, "--method", "tsva", "--checkpoint", folder / "slide.safetensors"]


@pytest.mark.parametrize(
    ("make", "way_out"),
    [
        (_one_plane, "second"),
        (_plane_that_is_not_there, "0 to 1"),
        (_sixteen_bits, "8-bit"),
        (_fluorescence, "RGB"),
        (_no_mpp, "--mpp"),
        (_truncated, ""),
        (_text, "OpenSlide"),
        (_missing, ""),
        (_broken_xml, "OME-XML"),
        (_entity_bomb, ""),
        (_different_sizes, ""),
        (_different_mpp, ""),
        (_pickle, "safetensors"),
        (_cut_checkpoint, ""),
    ],
    ids=lambda each: each.__name__.strip("_") if callable(each) else "",
)
def test_bad_slides_and_weights(make: Callable[[Path], list[str | Path]], way_out: str, tmp_path: Path) -> None:
    arguments = make(tmp_path)
    output = tmp_path / "out.ome.zarr"
    method = [] if "--method" in arguments else ["--method", "mean"]
    done = call("run", *arguments, *method, "-o", output, "--workers", "0", "-q")
    assert done.returncode == 3, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert "slide." in lines[0] and way_out in lines[0]
    assert "Traceback" not in done.stderr
    assert not output.exists()


def _run(folder: Path, output: Path, prepare: Callable[[], None] | None = None) -> "subprocess.CompletedProcess[str]":
    slide = folder / "two.ome.tiff"
    if not slide.exists():
        write_ome_tiff(slide, _planes(size=700), compression="deflate")
    return call("run", slide, "--method", "mean", "-o", output, "--workers", "0", "-q", prepare=prepare)


def _one_line(done: "subprocess.CompletedProcess[str]", name: str) -> None:
    assert done.returncode == 3, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert name in done.stderr


def test_an_existing_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    output = tmp_path / "mine"
    output.mkdir()
    (output / "thesis.txt").write_text("precious")
    for extra in ([], ["--overwrite"]):
        slide = write_ome_tiff(tmp_path / "two.ome.tiff", _planes())
        _one_line(call("run", slide, "--method", "mean", "-o", output, "--workers", "0", "-q", *extra), "mine")
        assert (output / "thesis.txt").read_text() == "precious"


def test_an_output_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    _one_line(_run(tmp_path, tmp_path / "file" / "out.ome.zarr"), "file")


def test_a_full_disk(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk; the error comes from the same call."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    output = tmp_path / "out.ome.zarr"
    _one_line(_run(tmp_path, output, prepare=limit), "out.ome.zarr")
    assert not (output / "zarr.json").exists()
    assert _run(tmp_path, output).returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--method", "magic"], ["--planes", "1,1"], ["--planes", "1"], ["--region", "0,0,9999,9999"], ["--level", "9"],
        ["--scheduler", "tcp://127.0.0.1:1"], ["--compressor", "zip"], ["--device", "cuda"], ["--tile", "101"],
    ],
    ids=lambda each: " ".join(each),
)  # fmt: skip
def test_wrong_usage(arguments: list[str], slide: Path, weights: Path, tmp_path: Path) -> None:
    import torch

    if arguments == ["--device", "cuda"] and torch.cuda.is_available():
        arguments = ["--device", "cuda:99"]
    done = call("run", slide, "-o", tmp_path / "o.ome.zarr", "-q", "--checkpoint", weights, *arguments)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "o.ome.zarr").exists()
