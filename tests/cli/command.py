"""Running the command line as a user does: in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

COMMAND = [sys.executable, "-m", "wsi_refocus_cli"]


def start(arguments: Sequence[str | Path], **options: object) -> "subprocess.Popen[str]":
    """Start the command in a process group of its own."""
    environment = {**os.environ, "COLUMNS": "200"}
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, env=environment, **options,
    )  # fmt: skip


def call(*arguments: str | Path, **options: object) -> "subprocess.CompletedProcess[str]":
    """Run the command to its end."""
    process = start(arguments, **options)
    output, errors = process.communicate(timeout=240)
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)
