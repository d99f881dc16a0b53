"""Memory over all processes stays small, and does not grow with the slide."""

from __future__ import annotations

import pytest

from benchmarks.memory import Peak, peak_of

LIMIT_MB = 1.5e9 / 2**20

pytestmark = [pytest.mark.large, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def smaller() -> Peak:
    return peak_of(20_000)


def test_a_slide_of_20000_pixels_takes_less_than_one_and_a_half_gigabytes(smaller: Peak) -> None:
    assert smaller.watched_mb < LIMIT_MB
    assert smaller.reported_mb < LIMIT_MB


def test_so_does_one_with_a_pyramid() -> None:
    assert peak_of(20_000, pyramid=True).watched_mb < LIMIT_MB


def test_a_slide_four_times_as_large_takes_at_most_15_percent_more(smaller: Peak) -> None:
    larger = peak_of(40_000)
    assert larger.watched_mb < 1.15 * smaller.watched_mb
    assert larger.reported_mb < 1.15 * smaller.reported_mb


def test_the_run_reports_what_its_processes_take(smaller: Peak) -> None:
    assert smaller.reported_mb == pytest.approx(smaller.watched_mb, rel=0.1)
