"""Running the command line as a user does: in a process of its own."""

import atexit
import functools
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

COMMAND = [sys.executable, "-m", "wsi_refocus_cli"]
PATIENCE = 240
"""Seconds that a command may take."""


def start(arguments: Sequence[str | Path], prepare: Callable[[], None] | None = None) -> "subprocess.Popen[str]":
    """Start the command in a process group of its own; ``prepare`` is called in it first."""

    def begin() -> None:
        # a shell's background jobs, and so perhaps these tests, ignore Ctrl-C; a user's command does not
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if prepare is not None:
            prepare()

    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, env=_environment(), preexec_fn=begin,
    )  # fmt: skip


def call(*arguments: str | Path, prepare: Callable[[], None] | None = None) -> "subprocess.CompletedProcess[str]":
    """Run the command to its end; unless there is something to prepare, in a process that need not import it anew."""
    if prepare is None:
        return _call_warm([str(each) for each in arguments])
    process = start(arguments, prepare)
    output, errors = process.communicate(timeout=PATIENCE)
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def _call_warm(arguments: list[str]) -> "subprocess.CompletedProcess[str]":
    server = _warm()
    assert server.stdin is not None and server.stdout is not None
    with tempfile.TemporaryDirectory() as folder:
        files = {name: str(Path(folder) / name) for name in ("output", "errors")}
        asked = {"arguments": arguments, "folder": str(Path.cwd()), "environment": _environment(), **files}
        server.stdin.write(json.dumps(asked) + "\n")
        server.stdin.flush()
        if not select.select([server.stdout], [], [], PATIENCE)[0]:
            server.kill()
            _warm.cache_clear()
            raise TimeoutError(f"{arguments} takes more than {PATIENCE} s")
        code = int(server.stdout.readline())
        return subprocess.CompletedProcess(
            [*COMMAND, *arguments], code, *(Path(each).read_text() for each in files.values())
        )


@functools.cache
def _warm() -> "subprocess.Popen[str]":
    """The process that commands are forked from: one for all tests of this process."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.cli.warm"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        cwd=Path(__file__).parents[2], env={**_environment(), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    atexit.register(server.kill)
    return server


def _environment() -> dict[str, str]:
    return {**os.environ, "COLUMNS": "200"}
