"""Whose a slide is, with real processes."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wsi_refocus.archive.claims import Claim, Claims
from wsi_refocus.archive.entry import Entry
from wsi_refocus.archive.ledger import Ledger

HOLD = """
import sys, time
from pathlib import Path
from wsi_refocus.archive.claims import Claims
from wsi_refocus.archive.entry import Entry
from wsi_refocus.archive.ledger import Ledger
claims = Claims(Ledger(Path(sys.argv[1])), 2, beat_seconds=0.1)
print(type(claims.take(Entry(sys.argv[2], None, "out", {}, "named"), lambda entry: True)).__name__, flush=True)
time.sleep(600)
"""


class Clock:
    """Seconds that a test lets pass."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    slide = tmp_path / "a.tiff"
    slide.write_bytes(b"slide")
    return Entry(str(slide), None, "out", {}, "named")


@pytest.fixture
def ledger(tmp_path: Path, entry: Entry) -> Ledger:
    ledger = Ledger(tmp_path / "ledger")
    ledger.add([entry])
    return ledger


def there(entry: Entry) -> bool:
    return True


def elsewhere(ledger: Ledger, entry: Entry, number: int) -> None:
    """Begin a try as a process on another machine would."""
    assert ledger.begin(entry.key, number, {"machine": "another", "host": "node7", "process": 1, "process_began": "5"})


def test_a_slide_is_taken_once(ledger: Ledger, entry: Entry) -> None:
    claim = Claims(ledger, 2).take(entry, there)
    assert isinstance(claim, Claim)
    assert Claims(ledger, 2).take(entry, there) == "running"
    claim.end("done")
    assert Claims(ledger, 2).take(entry, there) == "done"


def test_what_is_done_but_gone_is_done_again(ledger: Ledger, entry: Entry) -> None:
    claims = Claims(ledger, 2)
    for _ in range(2):
        claim = claims.take(entry, lambda entry: False)
        assert isinstance(claim, Claim)
        claim.end("done")


def test_a_slide_that_was_replaced_is_done_again(ledger: Ledger, entry: Entry) -> None:
    claims = Claims(ledger, 2)
    claim = claims.take(entry, there)
    assert isinstance(claim, Claim)
    claim.end("done")
    Path(entry.slide).write_bytes(b"another slide")
    assert isinstance(claims.take(entry, there), Claim)


def test_a_failing_slide_is_tried_as_often_as_allowed(ledger: Ledger, entry: Entry) -> None:
    claims = Claims(ledger, 2)
    for _ in range(3):
        claim = claims.take(entry, there)
        assert isinstance(claim, Claim)
        claim.end("failed", error="broken")
    assert not claims.may_try_again(entry)
    assert claims.take(entry, there) == "failed"
    assert isinstance(Claims(ledger, 3).take(entry, there), Claim)


def test_what_was_released_costs_no_try(ledger: Ledger, entry: Entry) -> None:
    claims = Claims(ledger, 0)
    for _ in range(3):
        claim = claims.take(entry, there)
        assert isinstance(claim, Claim)
        claim.end("released")


def test_a_killed_process_loses_its_slide_at_once(ledger: Ledger, entry: Entry) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(ledger.folder), entry.slide], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == "Claim"
        claims = Claims(ledger, 2)
        assert claims.take(entry, there) == "running"
    finally:
        holder.kill()
        holder.wait()
    claim = claims.take(entry, there)
    assert isinstance(claim, Claim)
    assert claim.number == 2
    claim.end("released")


def test_a_number_that_another_process_got_is_not_its_holder(ledger: Ledger, entry: Entry) -> None:
    claims = Claims(ledger, 2)
    claim = claims.take(entry, there)
    assert isinstance(claim, Claim)
    record = ledger.folder / "slides" / entry.key / "1.try.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"process_began": "12"}))
    assert isinstance(claims.take(entry, there), Claim)
    assert claim.lost


def test_another_machine_is_left_alone_while_its_heart_beats(ledger: Ledger, entry: Entry) -> None:
    clock = Clock()
    elsewhere(ledger, entry, 1)
    claims = Claims(ledger, 2, lease_seconds=60, clock=clock)
    for beat in range(4):
        ledger.beat(entry.key, 1, beat)
        assert claims.take(entry, there) == "running"
        clock.now += 50
    clock.now += 20
    assert isinstance(claims.take(entry, there), Claim)


def test_a_clock_that_jumps_takes_no_slide_from_anybody(
    ledger: Ledger, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere(ledger, entry, 1)
    claims = Claims(ledger, 2, lease_seconds=60)
    assert claims.take(entry, there) == "running"
    monkeypatch.setattr(time, "time", lambda: 4e9)
    assert claims.take(entry, there) == "running"


def test_who_was_taken_for_dead_notices(ledger: Ledger, entry: Entry) -> None:
    claim = Claims(ledger, 2).take(entry, there)
    assert isinstance(claim, Claim)
    assert not claim.lost
    elsewhere(ledger, entry, 2)
    assert claim.lost
    claim.end("released")
    assert ledger.record(entry.key).state == "running"


def test_the_heart_beats(ledger: Ledger, entry: Entry) -> None:
    claim = Claims(ledger, 2, beat_seconds=0.02).take(entry, there)
    assert isinstance(claim, Claim)
    seen = {ledger.last_beat(entry.key, 1)}
    until = time.monotonic() + 5
    while len(seen) < 3 and time.monotonic() < until:
        seen.add(ledger.last_beat(entry.key, 1))
    claim.end("released")
    assert len(seen) >= 3
