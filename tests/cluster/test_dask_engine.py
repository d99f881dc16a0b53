"""The Dask engine on this machine's own processes: several callers, tasks that hang, workers that die or come late."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.tasks import die_on_one, hang_at_first, log_and_square, process_of, slow_square, square
from wsi_refocus.pipeline.cluster import open_engine
from wsi_refocus.pipeline.dask_engine import DaskEngine, HungTaskError, WorkerDiedError
from wsi_refocus.pipeline.engine import Engine
from wsi_refocus.pipeline.workforce import Workforce

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module", params=["threads", "processes"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with open_engine(Workforce(0 if request.param == "threads" else 2, 2 if request.param == "threads" else 1)) as made:
        yield made


@pytest.fixture(scope="module")
def impatient() -> Iterator[DaskEngine]:
    """An engine that takes tasks of more than two seconds to hang."""
    with open_engine(Workforce(2, 1), task_seconds=2.0) as made:
        assert isinstance(made, DaskEngine)
        yield made


def test_several_callers_share_an_engine(engine: Engine) -> None:
    found: dict[int, list[int]] = {}

    def call(number: int) -> None:
        outcomes = engine.run(slow_square, range(number, number + 8), (0.01,), 0)
        found[number] = sorted(outcome.result or 0 for outcome in outcomes)

    callers = [threading.Thread(target=call, args=(100 * number,)) for number in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
    assert found == {start: [item * item for item in range(start, start + 8)] for start in (0, 100, 200, 300)}


def test_a_caller_that_stops_takes_its_own_tasks_along_and_no_others(engine: Engine, tmp_path: Path) -> None:
    log = tmp_path / "log"
    stopped = engine.run(log_and_square, range(1000, 1100), (str(log), 0.05), 0)
    other = engine.run(slow_square, range(20), (0.02,), 0)
    next(stopped)
    next(other)
    stopped.close()
    assert len(list(other)) == 19
    begun = len(log.read_text().splitlines())
    time.sleep(0.5)
    assert len(log.read_text().splitlines()) == begun < 50


def test_a_task_that_hangs_is_done_by_a_new_worker(impatient: DaskEngine, tmp_path: Path) -> None:
    began = time.monotonic()
    outcomes = {outcome.item: outcome for outcome in impatient.run(hang_at_first, range(4), (str(tmp_path),), 1)}
    assert {item: outcome.result for item, outcome in outcomes.items()} == {0: 0, 1: 1, 2: 4, 3: 9}
    assert outcomes[1].tries == 2
    assert time.monotonic() - began > 2


@pytest.mark.faults
def test_a_task_that_hangs_again_and_again_is_named(impatient: DaskEngine) -> None:
    outcomes = {outcome.item: outcome for outcome in impatient.run(slow_square, [0], (30.0,), 0)}
    assert isinstance(outcomes[0].error, HungTaskError)
    assert "--shard-timeout" in str(outcomes[0].error)
    assert {outcome.result for outcome in impatient.run(square, range(3), (), 0)} == {0, 1, 4}


def test_a_task_that_kills_its_worker_does_not_take_the_others_along(impatient: DaskEngine) -> None:
    outcomes = {outcome.item: outcome for outcome in impatient.run(die_on_one, range(4), (), 1)}
    assert isinstance(outcomes[1].error, WorkerDiedError)
    assert "want of memory" in str(outcomes[1].error)
    assert {item: outcome.result for item, outcome in outcomes.items() if item != 1} == {0: 0, 2: 4, 3: 9}


@pytest.mark.faults
def test_workers_come_when_there_is_work() -> None:
    with open_engine(Workforce(1, 1, adapt=(0, 2))) as engine:
        assert (engine.slots, engine.threads) == (1, 1)
        processes = {outcome.result for outcome in engine.run(process_of, range(4), (), 0)}
        assert 1 <= len(processes) <= 2
