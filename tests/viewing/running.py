"""``wsi-refocus view``, running as long as a test needs it."""

import contextlib
import re
import signal
from collections.abc import Iterator
from pathlib import Path

from tests.cli.command import start


@contextlib.contextmanager
def viewing(*arguments: str | Path) -> Iterator[tuple[str, str]]:
    """The address that the running command prints, and all that it says; Ctrl-C at the end."""
    process = start(["view", *arguments])
    try:
        said = ""
        assert process.stdout is not None
        while "Ctrl-C" not in said and process.poll() is None:
            said += process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+/\S*", said)
        assert found is not None, said
        yield found.group(), said
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        assert (process.returncode, errors) == (0, "")
    finally:
        process.kill()
        process.communicate()
