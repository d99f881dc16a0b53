"""The table of an archive, what is unusual in it, and the lines for a terminal."""

import math
from pathlib import Path

import pandas as pd
import pytest

from tests.archive.ledgers import entry_of, fail, finish
from wsi_refocus.archive.entry import Refused
from wsi_refocus.archive.ledger import Ledger
from wsi_refocus.archive.overview.page import write_overview
from wsi_refocus.archive.overview.table import archive_table, summary_text


def remarks_of(ledger: Ledger, folder: Path, name: str) -> str:
    table = archive_table(ledger.records()).set_index("key")
    return str(table.loc[entry_of(folder, name).key, "unusual"])


def test_one_row_a_slide_with_all_numbers(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "book")
    fail(ledger, entry_of(tmp_path, "retried"), "cannot be read", tries=2)
    finish(ledger, entry_of(tmp_path, "retried"), number=3, shift=3.0)
    fail(ledger, entry_of(tmp_path, "broken"), "cannot\nbe read")
    ledger.add([entry_of(tmp_path, "waiting")])
    write_overview(ledger, tmp_path, [Refused(("x.svs", "y.svs"), "are the same plane")])
    table = pd.read_csv(tmp_path / "archive.csv").set_index("slide")
    assert list(table["state"]) == ["failed", "waiting", "done", "not used", "not used"]
    row = table.loc[str(tmp_path / "retried.svs")]
    assert (row["tries"], row["seconds"], row["seconds_all_tries"]) == (3, 42.0, 46.0)
    assert (row["tiles"], row["refocused"], row["kept"], row["background"]) == (120, 56, 4, 60)
    assert row["doubtful_share"] == pytest.approx(4 / 60)
    assert (row["gain_bound_median_db"], row["psnr_bound_p10_db"], row["shift_px"]) == (0.6, 27.0, 3.0)
    assert (row["height_px"], row["width_px"], row["mpp_x"]) == (5120, 6144, 0.25)
    assert row["checkpoint"] == "c0ffee" and pd.isna(row["exports"])
    broken = table.loc[str(tmp_path / "broken.svs")]
    assert (broken["error"], broken["error_kind"], broken["tries"]) == ("cannot be read", "SlideError", 3)
    assert math.isnan(broken["tiles"])
    assert table.loc["y.svs", "error"] == "are the same plane"


@pytest.mark.parametrize(
    ("unlike", "words"),
    [
        ({"kept": 50}, "more tiles kept or flagged than usual: 83 % (usually 7 %)"),
        ({"gain": -0.4}, "a lower bound of the gain than usual: −0.40 dB (usually +0.60 dB)"),
        ({"gain": 2.0}, "a higher bound of the gain than usual: +2.00 dB (usually +0.60 dB)"),
        ({"shift": 19.0}, "shots further apart than usual: 19.0 px (usually 1.0 px)"),
        ({"seconds": 300.0}, "slower than usual: 5.00 s/tile (usually 0.70 s/tile)"),
    ],
)
def test_what_is_unlike_the_others_is_said_in_words(tmp_path: Path, unlike: dict[str, float], words: str) -> None:
    ledger = Ledger(tmp_path / "book")
    for number in range(6):
        finish(ledger, entry_of(tmp_path, f"usual-{number}"), gain=0.6 + 0.002 * (number % 2))
    finish(ledger, entry_of(tmp_path, "odd"), **unlike)  # type: ignore[arg-type]
    assert remarks_of(ledger, tmp_path, "odd") == words
    assert all(not remarks_of(ledger, tmp_path, f"usual-{number}") for number in range(6))


def test_a_trifle_is_not_unusual_and_speed_is_no_fault(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "book")
    for number in range(6):
        finish(ledger, entry_of(tmp_path, f"usual-{number}"))
    finish(ledger, entry_of(tmp_path, "alike"), gain=0.7, shift=1.5, kept=6, seconds=5.0)
    assert remarks_of(ledger, tmp_path, "alike") == ""


def test_of_few_slides_none_is_unusual(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "book")
    for number in range(3):
        finish(ledger, entry_of(tmp_path, f"usual-{number}"))
    finish(ledger, entry_of(tmp_path, "odd"), gain=-9.0)
    assert remarks_of(ledger, tmp_path, "odd") == ""
    finish(ledger, entry_of(tmp_path, "fifth"))
    assert "a lower bound of the gain" in remarks_of(ledger, tmp_path, "odd")


def test_many_unusual_slides_do_not_hide_one_another(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "book")
    for number in range(12):
        finish(ledger, entry_of(tmp_path, f"slide-{number}"), shift=15.0 + number if number < 5 else 1.0)
    marked = archive_table(ledger.records())["unusual"].str.contains("further apart")
    assert marked.sum() == 5


def test_the_terminal_is_told_counts_and_failures(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "book")
    finish(ledger, entry_of(tmp_path, "good"))
    for number in range(23):
        slide = entry_of(tmp_path, f"broken-{number:02}")
        fail(ledger, slide, f"{slide.slide}: cannot be read", tries=1 + number % 2)
    refused = [Refused(tuple(f"{letter}.svs" for letter in "abcde"), "are 5 planes of one slide")]
    lines = summary_text(ledger.records(), refused).splitlines()
    assert lines[0] == "24 slides: 1 done, 23 failed."
    assert lines[1:4] == [
        "Failed:",
        f"  {tmp_path}/broken-00.svs (1 try): cannot be read",
        f"  {tmp_path}/broken-01.svs (2 tries): cannot be read",
    ]
    assert lines[22] == "  and 3 more, see archive.csv"
    assert lines[23:] == ["Not used:", "  a.svs, b.svs, c.svs and 2 files more: are 5 planes of one slide"]


def test_names_cannot_steer_the_terminal(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "book")
    fail(ledger, entry_of(tmp_path, "a\x1b[2J\nb"), "\x07 bell")
    text = summary_text(ledger.records(), [Refused(("\x9b31m\udcff.svs",), "is no name")])
    assert text.replace("\n", "").isprintable()
    assert len(text.splitlines()) == 5
    assert "a\\x1b[2J\\nb.svs" in text
