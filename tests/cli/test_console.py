"""What a command says of its progress."""

import io
import time

import pytest
from rich.console import Console

from wsi_refocus_cli import console


def test_what_an_earlier_run_did_is_no_part_of_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "LINE_EVERY", 0.0)
    said = io.StringIO()
    with console.ConsoleProgress(Console(file=said, width=200), quiet=False) as progress:
        progress.start("train", 1000, "steps")
        progress.resume(900)
        time.sleep(0.2)
        progress.advance(1)
        progress.stop()
    lines = said.getvalue().splitlines()
    rate = float(lines[1].split("steps, ")[1].split(" ")[0])
    assert "901 of 1000 steps" in lines[1]
    assert rate <= 5
    assert lines[2].startswith("train: 1 steps in")
