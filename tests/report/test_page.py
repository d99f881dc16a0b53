"""The report of a run: what it says, that it needs nothing else, and that everybody can read it."""

import base64
import hashlib
import io
import json
import re
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.report.conftest import NAME, edit_provenance, write_table
from tests.report.pages import Page
from wsi_refocus.errors import OutputError, RefocusError
from wsi_refocus.geometry import Region
from wsi_refocus.ngff.store import read_level
from wsi_refocus.ngff.tables import read_quality
from wsi_refocus.pipeline.planes import OpenPlanes
from wsi_refocus.pipeline.record import RunRecord
from wsi_refocus.report.page import make_page, write_report
from wsi_refocus.report.rendering import number


def decoded(uri: str) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGB"))


def test_nothing_comes_from_elsewhere(measured: Path) -> None:
    file = write_report(measured)
    assert file == measured / "report/index.html"
    page = Page(file.read_text(encoding="utf-8"))
    for element in page.elements:
        for name in ("src", "href", "srcset", "data", "action", "poster", "xlink:href"):
            assert element.attributes.get(name, "#").startswith(("#", "data:image/")), element.attributes[name][:80]
    assert not page.all("link") and not page.all("iframe") and not page.all("object")
    assert all("src" not in each.attributes for each in page.all("script"))
    assert "url(http" not in page.source and "@import" not in page.source
    policy = page.one("meta", http_equiv="Content-Security-Policy").attributes["content"]
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert file.stat().st_size < 6_000_000


def test_the_script_is_the_one_that_the_policy_allows(measured: Path) -> None:
    page = Page(make_page(measured))
    digest = base64.b64encode(hashlib.sha256(page.one("script").text.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in page.one("meta", http_equiv="Content-Security-Policy").attributes["content"]


def test_everybody_can_read_it(measured: Path) -> None:
    page = Page(make_page(measured))
    assert page.one("html").attributes["lang"] == "en"
    assert "width=device-width" in page.one("meta", name="viewport").attributes["content"]
    for landmark in ("header", "main", "footer", "nav"):
        page.one(landmark)
    levels = [int(each.tag[1]) for each in page.elements if re.fullmatch("h[1-6]", each.tag)]
    assert levels.count(1) == 1 and levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    identifiers = [each.attributes["id"] for each in page.elements if "id" in each.attributes]
    assert len(identifiers) == len(set(identifiers))
    for link in page.all("a"):
        assert link.attributes["href"].lstrip("#") in identifiers
    for image in page.all("img"):
        assert "alt" in image.attributes
    for drawing in page.all("svg"):
        hidden = drawing.attributes.get("aria-hidden") == "true"
        assert hidden or (drawing.attributes["role"] == "img" and len(drawing.attributes["aria-label"]) > 15)
    slider = page.all("input")
    assert len(slider) == 2 and all(each.attributes["type"] == "range" for each in slider)
    assert sum("before and after" in each.text for each in page.all("label")) == 2


def test_pictures_say_what_they_show(measured: Path) -> None:
    page = Page(make_page(measured))
    table = read_quality(measured)
    tissue = table[table["decision"] != "background"]
    told = " ".join(each.attributes.get("alt", "") + each.attributes.get("aria-label", "") for each in page.elements)
    counts = table["decision"].value_counts()
    assert f"{counts['refocused']} refocused, 1 kept, {counts.get('background', 0)} background, 1 flagged" in told
    assert f"median {number(tissue['drift_um'].median(), 2, True)} µm" in told
    assert f"median {number(tissue['gain_bound'].median(), 2, True)} dB" in told


def test_numbers_are_those_of_the_table(measured: Path) -> None:
    page = Page(make_page(measured))
    table = read_quality(measured)
    tissue = table[table["decision"] != "background"]
    for kind in ("refocused", "kept", "flagged", "background"):
        assert page.one("b", data_count=kind).text == str((table["decision"] == kind).sum())
    for column, digits, signed in (("gain_bound", 2, True), ("chi2_first", 2, False), ("unvouched", 3, False)):
        values = tissue[column].quantile([0, 0.05, 0.5, 0.95, 1])
        expected = " ".join(number(each, digits, signed) for each in values)
        assert f" {len(tissue)} {expected}" in " ".join(page.one("tr", data_column=column).text.split())


def test_headline_is_in_words(measured: Path) -> None:
    text = Page(make_page(measured)).text
    table = read_quality(measured)
    refocused = (table["decision"] == "refocused").sum()
    assert f"Of {len(table)} tiles, {refocused} were refocused: computed from both shots." in text
    assert "1 keeps the sharper of the two shots, as captured." in text
    assert "1 is flagged (in the output refocused): look before you rely on it." in text
    assert "Not for diagnosis." in text and "This is no diagnostic device." in text


def test_a_hostile_name_is_text(measured: Path) -> None:
    source = make_page(measured)
    page = Page(source)
    assert page.one("h1").text == NAME
    assert page.one("title").text == f"Report: {NAME}"
    assert "<img src=x" not in source and "onerror" not in {name for each in page.elements for name in each.attributes}
    assert "the <gain> may be negative" in page.text and "Made on <simulated> slides." in page.text


def test_kept_and_flagged_tiles_are_listed(measured: Path) -> None:
    page = Page(make_page(measured))
    table = read_quality(measured)
    rows = [" ".join(each.text.split()) for each in page.all("tr") if each.attributes.get("class") == "doubtful"]
    expected = table[table["decision"].isin(["kept", "flagged"])].sort_values("gain_bound")
    assert [row.split()[:4] for row in rows] == [
        [str(each.iy + 1), str(each.ix + 1), each.decision, each.written.split()[0]] for each in expected.itertuples()
    ]
    assert "The output shown is the sharper shot, as captured." in page.text
    assert "The output shown is refocused all the same." in page.text


def test_tiles_are_the_weakest_and_shown_one_to_one(measured: Path) -> None:
    page = Page(make_page(measured))
    table = read_quality(measured)
    tissue = table[table["decision"] != "background"].sort_values("gain_bound", kind="stable")
    cards = [each for each in page.all("article") if each.attributes["id"].startswith("weakest-")]
    assert len(cards) == min(10, len(tissue))
    for rank, (card, row) in enumerate(zip(cards, tissue.itertuples(), strict=False), start=1):
        assert f"{rank}. Row {row.iy + 1}, column {row.ix + 1}" in card.text
        assert f"gain, at least {number(row.gain_bound, 2, True)} dB" in " ".join(card.text.split())
    assert f"χ² of the first shot {number(tissue['chi2_first'].iloc[0])} (limit 3.00)" in " ".join(
        cards[0].text.split()
    )
    found = re.search(r"First pixel shown: (\d+) down, (\d+) right", cards[0].text)
    assert found is not None
    cell = next(tissue.itertuples())
    place = Region(int(found[1]), int(found[2]), min(256, cell.height), min(256, cell.width))
    where = f"tile in row {cell.iy + 1}, column {cell.ix + 1}"
    shown = [decoded(each.attributes["src"]) for each in page.all("img") if where in each.attributes["alt"]]
    with OpenPlanes(RunRecord.from_json(json.loads((measured / "run.json").read_text()))) as planes:
        first, second = planes.shots(place)
    both = (first, second) if cell.sharper == 0 else (second, first)
    truths = (*both, read_level(measured, 0, place))
    for picture, truth in zip(shown, truths, strict=True):
        assert picture.shape == truth.shape
        assert np.abs(picture.astype(int) - truth).mean() < 3


def test_a_tile_in_both_galleries_has_its_pictures_once(measured: Path) -> None:
    page = Page(make_page(measured))
    again = [each for each in page.all("article") if "Its pictures and numbers are above" in each.text]
    assert again
    pictures = [each.attributes["src"] for each in page.all("img") if "tile in row" in each.attributes["alt"]]
    assert len(pictures) == 3 * (len(page.all("article")) - len(again))


def test_it_says_what_bounds_rest_on(measured: Path) -> None:
    assert (
        "Bounds rest on the calibration c0ffeec0ffee; they are made to hold in 90 % of tiles."
        in Page(make_page(measured)).text
    )
    edit_provenance(measured, trust={"policy": "flag", "calibration": None, "calibration_note": "A foreign scanner."})
    text = Page(make_page(measured)).text
    assert "No calibration for this scanner and method" in text and "A foreign scanner." in text
    assert "refocused all the same, and flagged (policy flag)" in text


def test_the_same_output_gives_the_same_page(measured: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere.ome.zarr"
    first = make_page(measured)
    shutil.copytree(measured, moved)
    assert make_page(moved) == first


def test_an_older_output(older: Path) -> None:
    page = Page(make_page(older))
    assert "it was made by an older version" in page.text
    assert page.text.count("Not measured in this output") == 4
    assert "the output holds no run.json" in page.text
    assert page.one("h1").text == NAME
    assert len(page.all("input")) == 1  # the whole slide still is there, before and after


def test_a_slide_that_is_gone(measured: Path, hostile_slide: Path) -> None:
    aside = hostile_slide.with_name("aside.tiff")
    hostile_slide.rename(aside)
    try:
        page = Page(make_page(measured))
    finally:
        aside.rename(hostile_slide)
    assert "The captured shots are not all shown:" in page.text and str(hostile_slide) in page.text
    assert not page.all("input")
    outputs = [each for each in page.all("img") if each.attributes["alt"].startswith("output")]
    assert len(outputs) >= 5


def test_a_slide_that_changed(measured: Path, hostile_slide: Path) -> None:
    content = hostile_slide.read_bytes()
    hostile_slide.write_bytes(content[:-1] + bytes([content[-1] ^ 1]) + b"more")
    try:
        text = Page(make_page(measured)).text
    finally:
        hostile_slide.write_bytes(content)
    assert "changed since the run" in text


@pytest.mark.parametrize("content", ["{", "{}", "[]", '{"view": 3}'])
def test_a_damaged_record(measured: Path, content: str) -> None:
    (measured / "run.json").write_text(content)
    assert "its record of the run cannot be read" in Page(make_page(measured)).text


def test_a_slide_without_tissue(measured: Path) -> None:
    table = read_quality(measured)
    table["decision"], table["written"], table["reason"] = "background", "sharper shot", "no tissue"
    write_table(measured, table)
    page = Page(make_page(measured))
    assert f"Of {len(table)} tiles, 0 were refocused" in page.text and "No tile was kept or flagged." in page.text


def test_without_any_provenance_but_the_name(measured: Path) -> None:
    document = json.loads((measured / "zarr.json").read_text())
    document["attributes"]["wsi_refocus"] = {"slide": {"name": "bare"}}
    (measured / "zarr.json").write_text(json.dumps(document))
    (measured / "run.json").unlink()
    assert Page(make_page(measured)).one("h1").text == "bare"


def test_what_goes_wrong_is_an_error_of_ours(measured: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="there is no such folder"):
        write_report(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(OutputError, match="is no finished output"):
        write_report(tmp_path / "empty")
    with pytest.raises(OutputError, match="cannot be written"):
        write_report(measured, tmp_path)
    table = read_quality(measured)
    write_table(measured, table.drop(columns="sharper"))
    with pytest.raises(RefocusError, match=r"no report could be made .* the slide itself is whole") as caught:
        write_report(measured)
    assert "\n" not in str(caught.value)
