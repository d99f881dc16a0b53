"""What stands around every task on a Dask worker: a check of the version, and a word that the task has begun."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from wsi_refocus import __version__

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a task brings along.

    Attributes
    ----------
    topic : str
        Where the word that it has begun is sent.
    number : int
        Number of the task there.
    version : str
        Version of the package that sent it.
    """

    topic: str
    number: int
    version: str = __version__


class OtherVersionError(Exception):
    """A worker has another version of the package than the program that sent the task."""


def run_stamped(stamp: Stamp, function: Callable[..., Result], *arguments: object) -> Result:
    """Run a task; the function that is sent to workers.

    Parameters
    ----------
    stamp
        What the task brings along.
    function, arguments
        What is called.

    Raises
    ------
    OtherVersionError
        If this is another version of the package.
    """
    from distributed import get_worker

    worker = get_worker()
    if stamp.version != __version__:
        raise OtherVersionError(f"{worker.address} has wsi-refocus {__version__}")
    worker.log_event(stamp.topic, [stamp.number, worker.address])
    return function(*arguments)
