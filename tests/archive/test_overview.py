"""The overview of an archive: what it says of every slide, and that everybody can read it."""

import base64
import hashlib
import json
import re
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pytest

from tests.archive.ledgers import HOLDER, entry_of, fail, finish, picture
from tests.report.pages import Page
from wsi_refocus.archive.entry import Entry, Refused
from wsi_refocus.archive.ledger import Ledger
from wsi_refocus.archive.overview.page import write_overview
from wsi_refocus.archive.overview.thumbnails import MOST_SLIDES
from wsi_refocus.errors import OutputError

HOSTILE = "<img src=x onerror=alert(1)>&\"'{{ 7*7 }} #1 50%"
REFUSED = (Refused(("a_z0.svs", "a_z1.svs", "a_z2.svs"), "are 3 planes of one <slide>; name two in a manifest"),)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """One slide of every state and one with a hostile name; two of them with pictures."""
    ledger = Ledger(tmp_path / ".wsi-refocus-batch")
    for name in ("good", HOSTILE):
        finish(ledger, entry_of(tmp_path, name))
        for side in ("before.jpg", "after.jpg"):
            ledger.keep_picture(entry_of(tmp_path, name).key, side, picture())
    fail(ledger, entry_of(tmp_path, "broken"), f"{tmp_path}/broken.svs: is <no> slide that can be read")
    ledger.add([entry_of(tmp_path, "waiting"), entry_of(tmp_path, "running"), entry_of(tmp_path, "stopped")])
    ledger.begin(entry_of(tmp_path, "running").key, 1, HOLDER)
    ledger.begin(entry_of(tmp_path, "stopped").key, 1, HOLDER)
    ledger.end(entry_of(tmp_path, "stopped").key, 1, "released", error="interrupted")
    return ledger


def page_of(ledger: Ledger, refused: tuple[Refused, ...] = ()) -> Page:
    return Page(write_overview(ledger, ledger.folder.parent, refused).read_text(encoding="utf-8"))


def card(page: Page, name: str) -> str:
    """Text of a slide on the page."""
    return " ".join(page.one("article", data_name=f"{name}.svs").text.split())


def test_every_slide_is_there_with_its_state(ledger: Ledger) -> None:
    page = page_of(ledger, REFUSED)
    for state in ("done", "failed", "running", "waiting", "released", "not used"):
        expected = {"done": "2", "not used": "3"}.get(state, "1")
        assert page.one("b", data_count=state).text == expected
    assert "Of 6 slides, 2 are done; 1 failed, 1 is interrupted, 1 is running, 1 is waiting." in page.text
    assert [each.attributes["data-state"] for each in page.all("article")] == [
        "failed", "released", "running", "waiting", "done", "done",
    ]  # fmt: skip
    assert "since 2026-02-03 20:00 UTC, by process 4711 on node7" in card(page, "running")
    assert "240 tiles of 512 × 512 pixels, 62.9 megapixels" in page.text
    assert "All tries together took 1 min 30 s" in page.text
    good = card(page, "good")
    for words in ("56 refocused 4 kept 0 flagged 60 background", "+0.60 dB (a tenth below +0.10)", "Time 42.0 s"):
        assert words in good


def test_failures_and_files_not_used_come_first_with_their_reason(ledger: Ledger) -> None:
    page = page_of(ledger, REFUSED)
    failed = page.one("tr", **{"class": "failed"})
    assert failed.text.split() == ["broken.svs", "is", "<no>", "slide", "that", "can", "be", "read", "3"]
    refused = " ".join(page.one("tr", **{"class": "refused"}).text.split())
    assert refused.endswith("are 3 planes of one <slide>; name two in a manifest") and "a_z1.svs" in refused
    order = [each.attributes["id"] for each in page.all("section")]
    assert order == ["short", "failed", "not-used", "unusual", "slides"]


def test_a_hostile_name_is_text(ledger: Ledger) -> None:
    page = page_of(ledger)
    assert page.one("article", data_name=f"{HOSTILE}.svs")
    assert f"{HOSTILE}.svs" in [each.text for each in page.all("h3")]
    assert "<img src=x" not in page.source and "49" not in card(page, HOSTILE)
    assert "onerror" not in {name for each in page.elements for name in each.attributes}


def test_links_lead_to_reports_and_outputs(ledger: Ledger) -> None:
    page = page_of(ledger)
    links = [each.attributes["href"] for each in page.all("a") if each.text in ("Report", "Output")]
    expected = {
        f"{name}.refocused.ome.zarr{inside}" for name in ("good", HOSTILE) for inside in ("", "/report/index.html")
    }
    assert {unquote(each) for each in links} == expected and len(links) == 4
    assert all(re.fullmatch(r"[A-Za-z0-9._~%/-]+", each) for each in links)


def test_places_that_browsers_cannot_open_are_text(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "book")
    for scheme in ("s3", "javascript", "https", "data"):
        finish(ledger, Entry(f"{scheme}://scans/a.svs", None, f"{scheme}://results/%0aalert(1)//{scheme}.ome.zarr"))
    page = page_of(ledger)
    places = {each.attributes["href"] for each in page.all("a") if each.text in ("Report", "Output")}
    assert places == {f"https://results/%0aalert(1)//https.ome.zarr{inside}" for inside in ("", "/report/index.html")}
    assert "Output: s3://results/%0aalert(1)//s3.ome.zarr" in page.text


def test_secrets_in_addresses_are_not_shown(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "book")
    refused = (Refused(("https://user:hunter2@host/a.svs?X-Amz-Signature=hunter2",), "the URL is signed"),)
    page = write_overview(ledger, tmp_path, refused)
    for content in (page.read_text(), (tmp_path / "archive.csv").read_text()):
        assert "https://host/a.svs" in content and "hunter2" not in content


def test_nothing_comes_from_elsewhere(ledger: Ledger) -> None:
    page = page_of(ledger, REFUSED)
    for element in page.elements:
        assert element.attributes.get("src", "data:image/jpeg").startswith("data:image/jpeg")
        assert not element.attributes.keys() & {"srcset", "action", "poster", "onclick", "onload"}
    assert not page.all("link") and not page.all("iframe")
    policy = page.one("meta", http_equiv="Content-Security-Policy").attributes["content"]
    digest = base64.b64encode(hashlib.sha256(page.one("script").text.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; img-src data:;") and f"'sha256-{digest}'" in policy


def test_everybody_can_read_it(ledger: Ledger) -> None:
    page = page_of(ledger, REFUSED)
    levels = [int(each.tag[1]) for each in page.elements if re.fullmatch("h[1-6]", each.tag)]
    assert levels.count(1) == 1 and levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    identifiers = [each.attributes["id"] for each in page.elements if "id" in each.attributes]
    assert len(identifiers) == len(set(identifiers))
    for link in page.all("a"):
        assert link.attributes["href"].lstrip("#") in identifiers or not link.attributes["href"].startswith("#")
    pictures = page.all("img")
    assert [each.attributes["alt"] for each in pictures if each.attributes["alt"].startswith("good")] == [
        "good.svs as captured", "good.svs as refocused",
    ]  # fmt: skip
    assert len(pictures) == 4 and all(each.attributes["loading"] == "lazy" for each in pictures)
    assert all(each.attributes.get("aria-hidden") == "true" for each in page.all("svg"))
    assert "hidden" in page.one("form").attributes  # nothing that does nothing without its script
    assert all(each.text.strip() for each in page.all("label"))


def test_the_bar_shows_every_decision_that_there_is(ledger: Ledger) -> None:
    page = page_of(ledger)
    parts = [each.attributes for each in page.all("rect") if each.attributes.get("fill", "").startswith("url(#bar-")]
    assert [each["fill"] for each in parts[:3]] == ["url(#bar-refocused)", "url(#bar-kept)", "url(#bar-background)"]
    assert [float(each["width"]) for each in parts[:3]] == [112.0, 8.0, 120.0]
    assert page.one("pattern", id="bar-kept")


def test_the_same_ledger_gives_the_same_page(ledger: Ledger) -> None:
    assert page_of(ledger).source == page_of(ledger).source


def test_several_may_write_at_once(ledger: Ledger, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        pages = set(pool.map(lambda _: write_overview(ledger, tmp_path), range(24)))
    assert pages == {tmp_path / "archive.html"}
    assert Page((tmp_path / "archive.html").read_text()).one("main")
    assert len(pd.read_csv(tmp_path / "archive.csv")) == 6
    assert sorted(each.name for each in tmp_path.iterdir() if each.name != ".wsi-refocus-batch") == [
        "archive.csv", "archive.html",
    ]  # fmt: skip


def test_what_goes_wrong_is_an_error_of_ours(ledger: Ledger, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(OutputError, match=r"archive\.csv"):
        write_overview(ledger, file)


def test_an_empty_archive(tmp_path: Path) -> None:
    page = page_of(Ledger(tmp_path / "book"))
    assert "There are no slides." in page.text
    assert len(pd.read_csv(tmp_path / "archive.csv")) == 0


ODD = (
    "[]", "{}", '{"result": []}', '{"result": {"tiles": [1], "shape": "ab", "shift_px": 3, "bounds": 7}}',
    '{"result": {"shape": [1e999, -5], "tiles": {"kept": 1e400, "total": true}, "shift_px": [NaN, "x"], "exports": 3}}',
    '{"state": [], "error": {"a": "\\ud800 \\u0000"}, "seconds": "long", "ended": 5}', '{"state": "done", "result": '
    '{"output": "\\ud800", "report": "\\u0000", "exports": [null, "http://[", "://"], "bounds": {"gain_bound": null}}}',
)  # fmt: skip


@pytest.mark.parametrize("content", ODD)
def test_an_odd_record_spoils_nothing(ledger: Ledger, tmp_path: Path, content: str) -> None:
    odd = entry_of(tmp_path, "good").key
    (tmp_path / ".wsi-refocus-batch" / "slides" / odd / "1.end.json").write_text(content)
    page = page_of(ledger)
    assert len(page.all("article")) == 6
    assert "56 refocused" in card(page, HOSTILE)
    assert len(pd.read_csv(tmp_path / "archive.csv")) == 6


def test_odd_entries_and_pictures_spoil_nothing(ledger: Ledger, tmp_path: Path) -> None:
    slides = tmp_path / ".wsi-refocus-batch" / "slides"
    good, broken = (entry_of(tmp_path, name).key for name in ("good", "broken"))
    (slides / good / "before.jpg").write_bytes(picture()[:300])
    (slides / good / "after.jpg").write_bytes(b"GIF89a")
    (slides / broken / "entry.json").write_text("{")
    (slides / entry_of(tmp_path, "waiting").key / "entry.json").write_text(
        json.dumps({"slide": "http://[\udcff", "second": 3, "output": None, "options": [1]})
    )
    page = page_of(ledger)
    assert "No picture" in card(page, "good")
    assert page.one("article", data_name=broken)
    assert len(page.all("img")) == 2


def test_the_page_of_thousands_stays_small(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "book")
    taken = picture(shape=(240, 240))
    for number in range(MOST_SLIDES + 20):
        entry = entry_of(tmp_path, f"case-{number:04}")
        if number == MOST_SLIDES + 5:
            fail(ledger, entry, "broken", 1)
        else:
            finish(ledger, entry, gain=-3.0 if number == MOST_SLIDES + 7 else 0.6)
        for side in ("before.jpg", "after.jpg"):
            if number % 50 == 0 or number > MOST_SLIDES - 5:
                ledger.keep_picture(entry.key, side, taken)
    file = write_overview(ledger, tmp_path)
    page = Page(file.read_text(encoding="utf-8"))
    assert len(page.all("article")) == MOST_SLIDES + 20
    assert "Pictures are left out for 20 of 520 slides" in page.text
    shown = {each.attributes["alt"].split()[0] for each in page.all("img")}
    assert {f"case-{MOST_SLIDES + 5:04}.svs", f"case-{MOST_SLIDES + 7:04}.svs", "case-0000.svs"} <= shown
    assert f"case-{MOST_SLIDES + 19:04}.svs" not in shown
    assert max(len(each.attributes["src"]) for each in page.all("img")) < 6_100
    without = sum(len(each.attributes["src"]) for each in page.all("img"))
    assert (file.stat().st_size - without) / len(page.all("article")) < 2_800
