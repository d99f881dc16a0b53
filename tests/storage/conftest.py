"""An S3 server for all tests of this folder, and a bucket for each."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.storage.s3_server import S3Server, environment, running_s3


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """The server, without the environment by which it is found."""
    with running_s3() as server:
        yield server


@pytest.fixture
def s3(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The server, found by the environment, with nothing asked so far and no faults."""
    for name, value in environment(s3_server.url).items():
        monkeypatch.setenv(name, value)
    s3_server.asked.clear()
    s3_server.fail = None
    return s3_server


@pytest.fixture
def bucket(s3: S3Server) -> str:
    """An empty bucket."""
    name = f"archive-{uuid.uuid4().hex[:12]}"
    s3.client().create_bucket(Bucket=name)
    s3.asked.clear()
    return name
