"""The export as others read it: tifffile, OpenSlide, tiffslide, and this package's own reader."""

import json
import os
import resource
import signal
import time
from pathlib import Path

import numpy as np
import openslide
import pytest
import tifffile
import tiffslide
from numpy.typing import NDArray

from tests.cli.command import call, start
from tests.export.conftest import ICC, LABEL, MACRO, Made
from tests.support.two_shot import tissue, two_planes, write_ome_tiff
from wsi_refocus.errors import OutputError, OutputExistsError, UsageError
from wsi_refocus.geometry import Region
from wsi_refocus.ngff.metadata import read_provenance
from wsi_refocus.ngff.store import read_level
from wsi_refocus.pipeline.export import export_output
from wsi_refocus.pipeline.progress import Silence
from wsi_refocus.pipeline.refocus import refocus_slide
from wsi_refocus.slide.open import open_slide
from wsi_refocus.slide.pyramid_tiff_xml import provenance_in


@pytest.fixture(scope="session", params=["jpeg", "deflate"])
def exported(
    request: pytest.FixtureRequest, made: Made, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, float]:
    """An export, and how well it keeps the pixels in dB at least."""
    file = export_output(made.folder, tmp_path_factory.mktemp("exported") / "case.ome.tiff", request.param)
    return file, {"jpeg": 33.0, "deflate": np.inf}[request.param]


def psnr(found: NDArray[np.uint8], wanted: NDArray[np.uint8]) -> float:
    assert found.shape == wanted.shape
    error = np.mean((found.astype(float) - wanted) ** 2)
    return np.inf if error == 0 else 10 * np.log10(255**2 / error)


def test_tifffile_sees_one_pyramid_with_label_and_macro(exported: tuple[Path, float], made: Made) -> None:
    file, least = exported
    with tifffile.TiffFile(file) as tiff:
        assert tiff.is_bigtiff
        assert tiff.is_ome
        slide, label, macro = tiff.series
        assert [level.shape for level in slide.levels] == [level.shape for level in made.levels]
        for level, wanted in zip(slide.levels, made.levels, strict=True):
            assert psnr(level.asarray(), wanted) >= least
            assert (level.keyframe.tilewidth, level.keyframe.tilelength) == (512, 512)
        assert (label.name, macro.name) == ("label", "macro")
        assert np.array_equal(label.asarray(), LABEL)
        assert np.array_equal(macro.asarray(), MACRO)


def test_openslide_sees_the_same_levels(exported: tuple[Path, float], made: Made) -> None:
    file, least = exported
    with openslide.OpenSlide(file) as slide:
        assert slide.properties["openslide.vendor"] == "generic-tiff"
        assert slide.level_dimensions == tuple((level.shape[1], level.shape[0]) for level in made.levels)
        assert slide.level_downsamples == pytest.approx([1, 2, 4, 8][: len(made.levels)], rel=0.01)
        assert float(slide.properties["openslide.mpp-x"]) == pytest.approx(0.5)
        assert float(slide.properties["openslide.mpp-y"]) == pytest.approx(0.5)
        assert slide.color_profile is not None
        assert slide.color_profile.tobytes() == ICC
        for level, wanted in enumerate(made.levels):
            found = np.asarray(slide.read_region((0, 0), level, slide.level_dimensions[level]))
            assert psnr(found[..., :3], wanted) >= least


def test_tiffslide_sees_the_same_levels(exported: tuple[Path, float], made: Made) -> None:
    file, least = exported
    with tiffslide.TiffSlide(file) as slide:
        assert slide.level_dimensions == tuple((level.shape[1], level.shape[0]) for level in made.levels)
        assert slide.properties["tiffslide.mpp-x"] == pytest.approx(0.5)
        for level, wanted in enumerate(made.levels):
            found = slide.read_region((0, 0), level, slide.level_dimensions[level], as_array=True)
            assert psnr(found, wanted) >= least


def test_what_is_known_of_the_slide_is_in_its_metadata(exported: tuple[Path, float], made: Made) -> None:
    file, _ = exported
    with open_slide(str(file)) as slide:
        info = slide.info
        assert info.format == "ome-tiff"
        assert (info.mpp, info.magnification, info.icc_profile) == ((0.5, 0.5), 20, ICC)
        assert set(info.associated) == {"label", "macro"}
        assert info.ome_xml is not None
        said = provenance_in(info.ome_xml, str(file))
        assert "Computed, not captured" in info.ome_xml
        assert 'Name="Fall &lt;3&gt; &amp; µ.ome.tiff"' in info.ome_xml
        place = Region(1000, 300, 600, 400)
        assert psnr(slide.read_region(0, 0, place), made.levels[0][place.slices]) >= 33
    assert said.pop("export")["compression"] in ("jpeg", "deflate")
    assert said == read_provenance(made.folder)


def test_no_reader_warns(exported: tuple[Path, float], caplog: pytest.LogCaptureFixture) -> None:
    with tifffile.TiffFile(exported[0]) as tiff:
        _ = [level.asarray() for series in tiff.series for level in series.levels]
    assert not caplog.records


def test_outputs_of_ngff_04_are_exported_as_well(tmp_path: Path) -> None:
    slide = write_ome_tiff(tmp_path / "small.ome.tiff", two_planes(tissue((600, 520))), compression="deflate")
    output = tmp_path / "old.ome.zarr"
    refocus_slide(slide, output=output, method="mean", workers=0, ngff="0.4")
    with openslide.OpenSlide(export_output(output, compression="deflate")) as found:
        assert found.level_dimensions == ((520, 600), (260, 300))
        pixels = np.asarray(found.read_region((0, 0), 1, (260, 300)))[..., :3]
    assert np.array_equal(pixels, read_level(output, 1, Region(0, 0, 300, 260)))


def test_the_same_output_gives_the_same_bytes(made: Made, tmp_path: Path) -> None:
    first, second = (export_output(made.folder, tmp_path / f"{name}.tif").read_bytes() for name in "ab")
    assert first == second


def test_quality_of_jpeg_can_be_set(made: Made, tmp_path: Path) -> None:
    small, large = (
        export_output(made.folder, tmp_path / f"{quality}.tif", quality=quality).stat().st_size for quality in (50, 95)
    )
    assert 2 * small < large


def test_progress_counts_every_tile(made: Made, tmp_path: Path) -> None:
    class Heard(Silence):
        total = done = 0

        def start(self, stage: str, total: int, unit: str) -> None:
            assert (stage, unit) == ("export", "tiles")
            self.total = total

        def advance(self, done: int) -> None:
            self.done += done

    heard = Heard()
    export_output(made.folder, tmp_path / "case.ome.tiff", progress=heard)
    assert heard.done == heard.total == 5 * 2 + 3 * 1 + 2 * 1 + 1


def test_by_default_it_lies_beside_the_output(output: Path) -> None:
    assert export_output(output) == output.parent / "case.ome.tiff"


def test_a_file_that_is_there_is_kept_unless_overwriting(made: Made, tmp_path: Path) -> None:
    file = tmp_path / "case.ome.tiff"
    file.write_text("precious")
    with pytest.raises(OutputExistsError, match="--overwrite"):
        export_output(made.folder, file)
    assert file.read_text() == "precious"
    export_output(made.folder, file, overwrite=True)
    with openslide.OpenSlide(file) as slide:
        assert slide.level_count == len(made.levels)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"compression": "lzw"}, "jpeg or deflate"),
        ({"quality": 0}, "between 1 and 100"),
        ({"file": "case.svs"}, r"\.ome\.tiff"),
    ],
)
def test_what_makes_no_sense_is_refused(made: Made, options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        export_output(made.folder, **options)  # type: ignore[arg-type]


def test_an_unfinished_output_is_refused(output: Path) -> None:
    for name in ("zarr.json", ".zattrs"):
        (output / name).unlink(missing_ok=True)
    with pytest.raises(OutputError, match="no finished output"):
        export_output(output)


@pytest.mark.parametrize("damage", ["missing", "garbled"])
def test_a_damaged_output_leaves_no_file(output: Path, damage: str) -> None:
    piece = next(path for path in sorted((output / "0").rglob("*")) if path.is_file() and path.name.isdigit())
    if damage == "missing":
        piece.unlink()
    else:
        piece.write_bytes(b"\xff" * piece.stat().st_size)
    with pytest.raises(OutputError, match=r"(missing|decoded).*copy the output again"):
        export_output(output)
    assert not list(output.parent.glob("*.tiff*"))


def test_a_full_disk_leaves_no_file(made: Made, tmp_path: Path) -> None:
    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    ended = call("export", made.folder, "-o", tmp_path / "case.ome.tiff", "-q", prepare=little_room)
    assert ended.returncode == 3
    assert "no space left" in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_killing_an_export_leaves_nothing_of_its_name(made: Made, tmp_path: Path) -> None:
    file = tmp_path / "case.ome.tiff"
    begun = tmp_path / "case.ome.tiff.partial"
    process = start(["export", made.folder, "-o", file, "--compression", "deflate"])
    while not begun.exists() and process.poll() is None:
        time.sleep(0.002)
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not file.exists()
    export_output(made.folder, file)
    assert not begun.exists()
    with openslide.OpenSlide(file) as slide:
        assert slide.level_count == len(made.levels)


def test_the_command_exports(made: Made, tmp_path: Path) -> None:
    file = tmp_path / "case.ome.tiff"
    ended = call("export", made.folder, "-o", file, "--json", "-q")
    assert ended.returncode == 0, ended.stderr
    said = json.loads(ended.stdout.splitlines()[-1])
    assert said == {"output": str(file), "bytes": file.stat().st_size, "compression": "jpeg"}
    again = call("export", made.folder, "-o", file)
    assert again.returncode == 3
    assert len(again.stderr.strip().splitlines()) == 1
