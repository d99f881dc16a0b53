"""The overview of an archive in a real browser: its script, and no sideways scrolling on a phone."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.archive.ledgers import entry_of, fail, finish
from wsi_refocus.archive.ledger import Ledger
from wsi_refocus.archive.overview.page import write_overview

pytestmark = pytest.mark.viewers
SCRIPT = Path(__file__).with_name("archive_page.mjs")
LONG = "x" * 120
CASES = [f"case-{number}.svs" for number in range(5, 11)]


@pytest.fixture(scope="module")
def looks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What is seen at first on three screens, and after sorting, filtering and searching."""
    folder = tmp_path_factory.mktemp("archive")
    ledger = Ledger(folder / "book")
    for number in (10, 9, 8, 7, 6, 5):
        finish(ledger, entry_of(folder, f"case-{number}"), gain=0.6 + number / 100)
    finish(ledger, entry_of(folder, LONG), gain=-2.0)
    fail(ledger, entry_of(folder, "broken"), f"cannot be read ({'y' * 200})")
    page = write_overview(ledger, folder)
    ended = subprocess.run(
        ["node", str(SCRIPT), page.as_uri()], capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def test_it_fits_every_screen(looks: dict[str, Any]) -> None:
    assert [looks[width]["too_wide"] for width in ("360", "800", "1400")] == [0, 0, 0]


def test_the_policy_lets_the_script_run(looks: dict[str, Any]) -> None:
    assert looks["errors"] == []
    assert looks["360"]["shown"] == "8 of 8 shown"


def test_slides_are_sorted_filtered_and_found(looks: dict[str, Any]) -> None:
    assert looks["1400"]["names"][:2] == ["broken.svs", f"{LONG}.svs"]
    assert looks["by_name"]["names"] == ["broken.svs", *CASES, f"{LONG}.svs"]
    assert looks["by_bound"]["names"] == [f"{LONG}.svs", *CASES, "broken.svs"]
    assert looks["unusual"]["names"] == [f"{LONG}.svs"]
    assert looks["search"]["names"] == ["broken.svs"] and looks["search"]["shown"] == "1 of 8 shown"
