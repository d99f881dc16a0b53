"""Tasks that go well, and tasks that do not."""

import os
import signal
import time
from pathlib import Path


def square(item: int) -> int:
    """Go well."""
    return item * item


def slow_square(seconds: float, item: int) -> int:
    """Go well after a while."""
    time.sleep(seconds)
    return item * item


def log_and_square(log: str, seconds: float, item: int) -> int:
    """Leave a line in a file, too."""
    with Path(log).open("a") as file:
        file.write(f"{item}\n")
    return slow_square(seconds, item)


def hang_at_first(folder: str, item: int) -> int:
    """Item 1 hangs on its first try."""
    mark = Path(folder) / str(item)
    if item == 1 and not mark.exists():
        mark.touch()
        time.sleep(3600)
    return item * item


def die_on_one(item: int) -> int:
    """Item 1 takes its process with it, as the kernel's out-of-memory killer does."""
    if item == 1:
        time.sleep(0.2)  # so that the word that it has begun gets out
        os.kill(os.getpid(), signal.SIGKILL)
    return item * item


def process_of(item: int) -> int:
    """Say who did it."""
    return os.getpid()


def visible_gpus(item: int) -> str | None:
    """Say which GPUs the process may use."""
    time.sleep(0.1)
    return os.environ.get("CUDA_VISIBLE_DEVICES")
