"""An existing Dask scheduler: with TLS, with workers of another version, and one that goes away."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.certificates import write_certificates
from tests.cluster.processes import scheduler, worker
from tests.cluster.tasks import slow_square, square
from wsi_refocus.errors import ClusterLostError, UsageError
from wsi_refocus.pipeline.cluster import open_engine
from wsi_refocus.pipeline.dask_engine import HungTaskError
from wsi_refocus.pipeline.security import Scheduler
from wsi_refocus.pipeline.workforce import Workforce

NONE = Workforce(0, 1)
OLDER = "import wsi_refocus; wsi_refocus.__version__ = '0.0.9'"
WITHOUT = "import sys; sys.modules['wsi_refocus'] = None"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A scheduler with one worker that has no nanny."""
    folder = tmp_path_factory.mktemp("dask")
    with scheduler(folder) as (address, _), worker(folder, address, "--no-nanny"):
        yield address, folder


def test_a_scheduler_is_used_as_it_is(place: tuple[str, Path]) -> None:
    with open_engine(NONE, place[0]) as engine:
        assert (engine.slots, engine.threads) == (1, 1)
        assert sorted(outcome.result or 0 for outcome in engine.run(square, range(5), (), 0)) == [0, 1, 4, 9, 16]


def test_a_worker_without_the_package_is_refused(place: tuple[str, Path]) -> None:
    address, folder = place
    with (
        worker(folder, address, "--no-nanny", before=WITHOUT),
        pytest.raises(UsageError, match=r"tcp://127\.0\.0\.1:\d+ has no wsi-refocus, this is"),
        open_engine(NONE, address),
    ):
        pass


def test_a_worker_of_another_version_is_refused_when_it_comes_late(place: tuple[str, Path]) -> None:
    address, folder = place
    with open_engine(NONE, address) as engine:
        outcomes = engine.run(slow_square, range(1000), (0.02,), 0)
        next(outcomes)
        with (
            worker(folder, address, "--no-nanny", before=OLDER),
            pytest.raises(ClusterLostError, match=r"has wsi-refocus 0\.0\.9\); remove it or install the same version"),
        ):
            list(outcomes)
        with (
            worker(folder, address, "--no-nanny", before=OLDER),
            pytest.raises(UsageError, match=r"has wsi-refocus 0\.0\.9, this is"),
            open_engine(NONE, address),
        ):
            pass


def test_a_scheduler_without_workers_is_refused(tmp_path: Path) -> None:
    with (
        scheduler(tmp_path) as (address, _),
        pytest.raises(UsageError, match="has no workers; start some"),
        open_engine(NONE, address),
    ):
        pass


def test_a_scheduler_that_dies_ends_the_run_at_once(tmp_path: Path) -> None:
    with (
        scheduler(tmp_path) as (address, process),
        worker(tmp_path, address, "--no-nanny"),
        open_engine(NONE, address) as engine,
    ):
        outcomes = engine.run(slow_square, range(100), (0.05,), 3)
        next(outcomes)
        process.kill()
        began = time.monotonic()
        with pytest.raises(ClusterLostError, match="was lost; what is done is kept, and the same command continues"):
            list(outcomes)
        assert time.monotonic() - began < 10


def test_tls(tmp_path: Path) -> None:
    ca_file, cert, key = (str(path) for path in write_certificates(tmp_path))
    tls = ("--tls-ca-file", ca_file, "--tls-cert", cert, "--tls-key", key)
    with (
        scheduler(tmp_path, "--protocol", "tls", *tls) as (address, _),
        worker(tmp_path, address, "--no-nanny", "--protocol", "tls", *tls),
    ):
        assert address.startswith("tls://")
        with open_engine(NONE, Scheduler(address, ca_file, cert, key)) as engine:
            assert [outcome.result for outcome in engine.run(square, [7], (), 0)] == [49]
        with pytest.raises(UsageError, match=r"TLS needs --tls-ca-file and --tls-cert"), open_engine(NONE, address):
            pass


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("tcp://127.0.0.1:1", "ca.pem", "cert.pem"), "certificates are for schedulers at tls://"),
        (("tls://127.0.0.1:1", "ca.pem", "cert.pem"), r"ca\.pem: there is no such file"),
    ],
)
def test_certificates_that_cannot_be_used(given: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Scheduler(*given).security()


def test_a_task_that_hangs_where_nobody_can_end_it_is_given_up(place: tuple[str, Path]) -> None:
    with open_engine(NONE, place[0], task_seconds=1.0) as engine:
        (outcome,) = engine.run(slow_square, [3], (3.0,), 5)
    assert isinstance(outcome.error, HungTaskError)
    assert outcome.tries == 1  # it may still write
