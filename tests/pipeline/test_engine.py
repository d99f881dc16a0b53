"""Engines: local threads and a real Dask cluster of processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Client, LocalCluster

from wsi_refocus.errors import OutputError, UsageError
from wsi_refocus.pipeline.cluster import open_engine
from wsi_refocus.pipeline.engine import Engine
from wsi_refocus.pipeline.versions import require_same_versions
from wsi_refocus.pipeline.workforce import Workforce


def _square(offset: int, item: int) -> int:
    return offset + item * item


def _fails_at_first(folder: str, item: int) -> int:
    """Fails on every item's first try; remembers tries in files, since workers are processes."""
    mark = Path(folder) / str(item)
    if not mark.exists():
        mark.touch()
        raise RuntimeError(f"first try of {item}")
    return item


def _fails_on_three(item: int) -> int:
    if item == 3:
        raise ValueError("three")
    return item


def _cannot_write(folder: str, item: int) -> int:
    with (Path(folder) / "tries").open("a") as log:
        log.write("x")
    raise OutputError("no space left")


@pytest.fixture(scope="module", params=["threads", "processes"])
def runner(request: pytest.FixtureRequest) -> Iterator[Engine]:
    workers = 0 if request.param == "threads" else 2
    with open_engine(Workforce(workers, 1)) as engine:
        yield engine


def test_every_item_comes_back_once(runner: Engine) -> None:
    outcomes = list(runner.run(_square, range(23), (100,), 0))
    assert sorted(outcome.item for outcome in outcomes) == list(range(23))
    assert all(outcome.result == 100 + outcome.item**2 for outcome in outcomes)


def test_failed_tasks_are_tried_again(runner: Engine, tmp_path: Path) -> None:
    outcomes = list(runner.run(_fails_at_first, range(5), (str(tmp_path),), 1))
    assert sorted(outcome.result for outcome in outcomes if outcome.result is not None) == list(range(5))
    assert {outcome.tries for outcome in outcomes} == {2}


def test_the_rest_goes_on_when_one_fails_for_good(runner: Engine) -> None:
    outcomes = {outcome.item: outcome for outcome in runner.run(_fails_on_three, range(6), (), 2)}
    assert len(outcomes) == 6
    assert isinstance(outcomes[3].error, ValueError)
    assert outcomes[3].tries == 3
    assert [item for item, outcome in outcomes.items() if outcome.error is not None] == [3]


def test_errors_that_would_hit_every_task_are_not_tried_again(runner: Engine, tmp_path: Path) -> None:
    (outcome,) = runner.run(_cannot_write, [0], (str(tmp_path),), 5)
    assert outcome.tries == 1
    assert (tmp_path / "tries").read_text() == "x"


def test_a_scheduler_that_is_not_there_is_named() -> None:
    with (
        pytest.raises(UsageError, match=r"tcp://127\.0\.0\.1:1"),
        open_engine(Workforce(1, 1), "tcp://127.0.0.1:1"),
    ):
        pass


def test_a_scheduler_that_dies_while_it_is_asked_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalCluster(n_workers=1, processes=False, dashboard_address=None) as dask:
        address = dask.scheduler_address

        def asked_too_late(client: Client) -> list[str]:
            dask.close()
            return require_same_versions(client)

        monkeypatch.setattr("wsi_refocus.pipeline.cluster.require_same_versions", asked_too_late)
        with pytest.raises(UsageError, match=f"{address} does not answer"), open_engine(Workforce(1, 1), address):
            pass


@pytest.mark.parametrize(
    ("workers", "threads", "gpus", "expected"),
    [(3, 2, 0, (3, 2, 0)), (0, 2, 0, (0, 2, 0)), (None, None, 4, (4, 3, 4)), (2, None, 4, (2, 3, 4))],
)
def test_workforce_takes_what_the_user_says(
    workers: int | None, threads: int | None, gpus: int, expected: tuple[int, int, int]
) -> None:
    chosen = Workforce.choose(workers, threads, gpus)
    assert (chosen.workers, chosen.threads, chosen.gpus) == expected
