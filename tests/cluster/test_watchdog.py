"""How long a task may take."""

import pytest

from wsi_refocus.pipeline.watchdog import AT_FIRST, AT_LEAST, TimeLimit, Watch


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_limit_follows_the_slowest() -> None:
    limit = TimeLimit()
    assert limit.seconds == AT_FIRST
    limit.finished(2.0)
    assert limit.seconds == AT_LEAST
    limit.finished(90.0)
    limit.finished(3.0)
    limit.finished(None)
    assert limit.seconds == pytest.approx(1800)


def test_a_limit_that_was_told_stays() -> None:
    limit = TimeLimit(5.0)
    limit.finished(90.0)
    assert limit.seconds == 5.0


def test_time_counts_from_when_a_worker_began() -> None:
    clock = _Clock()
    watch = Watch(clock)
    clock.now = 100.0
    assert watch.overdue([1], 5.0) == []  # it waits
    watch.begin(1, "a")
    clock.now = 106.0
    assert watch.overdue([1, 2], 5.0) == [(1, "a", 6.0)]
    assert watch.overdue([2], 5.0) == []  # another caller's


def test_a_task_begun_anew_has_all_its_time() -> None:
    clock = _Clock()
    watch = Watch(clock)
    watch.begin(1, "a")
    clock.now = 6.0
    watch.keep(["b"])
    assert watch.overdue([1], 5.0) == []
    watch.begin(1, "b")
    clock.now = 8.0
    assert watch.end(1) == 2.0
    assert watch.end(1) is None
