"""Running the command line as a user does: in a process of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

COMMAND = [sys.executable, "-m", "wsi_refocus_cli"]


def start(arguments: Sequence[str | Path], prepare: Callable[[], None] | None = None) -> "subprocess.Popen[str]":
    """Start the command in a process group of its own; ``prepare`` is called in it first."""

    def begin() -> None:
        # a shell's background jobs, and so perhaps these tests, ignore Ctrl-C; a user's command does not
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if prepare is not None:
            prepare()

    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, env={**os.environ, "COLUMNS": "200"}, preexec_fn=begin,
    )  # fmt: skip


def call(*arguments: str | Path, prepare: Callable[[], None] | None = None) -> "subprocess.CompletedProcess[str]":
    """Run the command to its end."""
    process = start(arguments, prepare)
    output, errors = process.communicate(timeout=240)
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)
