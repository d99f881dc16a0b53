"""The page of a comparison: complete in itself, and its pictures are the slide's own pixels."""

import base64
import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray
from PIL import Image as Pictures

from tests.cli.command import call
from tests.pipeline.outputs import pixels
from tests.report.pages import Page
from wsi_refocus.report.compare import Comparison, compare
from wsi_refocus.report.compare_page import EDGE

Image = NDArray[np.uint8]


@pytest.fixture(scope="module")
def retouched(mean_output: Path, folder: Path) -> Path:
    """The same output, in one cell of which a square was darkened."""
    copy = Path(shutil.copytree(mean_output, folder / "retouched.ome.zarr"))
    array = zarr.open_array(copy / "0", mode="r+")
    array[:, 700:760, 900:960] = np.asarray(array[:, 700:760, 900:960]) // 2
    return copy


@pytest.fixture(scope="module")
def made(mean_output: Path, retouched: Path, folder: Path) -> tuple[Comparison, Page]:
    found = compare(mean_output, retouched, folder / "page.html")
    return found, Page((folder / "page.html").read_text(encoding="utf-8"))


def picture(page: Page, alt: str) -> Image:
    """A picture of the page, by the beginning of its text."""
    (found,) = [each for each in page.all("img") if each.attributes.get("alt", "").startswith(alt)]
    content = found.attributes["src"].removeprefix("data:image/png;base64,")
    return np.asarray(Pictures.open(io.BytesIO(base64.b64decode(content))))


def test_the_page_needs_nothing_else(made: tuple[Comparison, Page]) -> None:
    _, page = made
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", page.source)
    assert not re.findall(r"url\((?!#)", page.source) and "@import" not in page.source
    assert page.one("html").attributes["lang"] == "en"
    assert all("alt" in each.attributes for each in page.all("img"))
    targets = {each.attributes["id"] for each in page.elements if "id" in each.attributes}
    links = [each.attributes["href"] for each in page.all("a")]
    assert links and all(link[1:] in targets for link in links)
    assert len([each for each in page.all("svg") if each.attributes.get("aria-label", "").startswith("PSNR")]) == 1


def test_the_cell_that_differs_is_shown_as_it_is(
    made: tuple[Comparison, Page], mean_output: Path, retouched: Path
) -> None:
    found, page = made
    (worst,) = found.worst  # all others are the same
    assert worst.cell == (1, 1)
    assert "Row 2, column 2" in page.text and "7 tiles the same on both sides" in page.source
    a, b = picture(page, "A, tile in row 2, column 2"), picture(page, "B, tile in row 2, column 2")
    y, x = map(int, re.findall(r"First pixel shown: (\d+) down, (\d+) right", page.text)[0])
    place = (slice(y, y + EDGE), slice(x, x + EDGE))
    assert y <= 700 and y + EDGE >= 760 and x <= 900 and x + EDGE >= 960
    assert np.array_equal(a, pixels(mean_output, 1100, 1300)[place])
    assert np.array_equal(b, pixels(retouched, 1100, 1300)[place])
    factor = int(re.findall(r"difference × (\d+)", page.text)[0])
    difference = np.abs(a.astype(int) - b).max(axis=2)
    assert np.array_equal(picture(page, "Difference of A and B"), 255 - np.minimum(difference * factor, 255))


def test_numbers_stand_on_the_page(made: tuple[Comparison, Page]) -> None:
    found, page = made
    for label, values in found.rows():
        assert f"{label} {values[0]} {values[1]}" in page.text
    assert "does not say which of them is right" in page.text


def test_nothing_differs(mean_output: Path, tmp_path: Path) -> None:
    compare(mean_output, mean_output, tmp_path / "page.html")
    page = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert "every pixel is the same" in page.text and not page.all("article")


def test_names_are_no_markup(mean_output: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(mean_output, tmp_path / "<b>&.ome.zarr")
    compare(copy, mean_output, tmp_path / "page.html", most=0)
    assert "<b>&.ome" not in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_command(mean_output: Path, truth_file: Path, folder: Path, tmp_path: Path) -> None:
    done = call("compare", mean_output, truth_file)
    assert done.returncode == 0, done.stderr
    assert "PSNR overall, dB" in done.stdout and f"Page: {folder / 'mean.compare.html'}" in done.stdout
    assert "alignment" in done.stderr and (folder / "mean.compare.html").is_file()
    page = tmp_path / "p.html"
    done = call("compare", mean_output, truth_file, "-o", page, "--json", "-q", "--worst", "2")
    content = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "") and len(content["worst"]) == 2 and page.is_file()
    assert content["tissue"]["psnr"] > 25 and content["worst"][0]["psnr_db"] <= content["worst"][1]["psnr_db"]
    assert "The bound" not in page.read_text() and "laid on A" in page.read_text()
    refused = call("compare", mean_output, tmp_path / "absent")
    assert refused.returncode == 3 and "Traceback" not in refused.stderr
