"""The command with all that it imports, forked for every call: what a user waits for once, each test need not."""

import gc
import importlib
import json
import os
import sys

from wsi_refocus_cli.app import COMMANDS, main

_USED = ("torch", "matplotlib.pyplot", "pyarrow.parquet", "scipy.ndimage", "wsi_refocus.pipeline.refocus")


def serve() -> None:
    """Do what each line of the standard input asks for, and answer with the exit code."""
    for name in (*_USED, *(f"wsi_refocus_cli.{command.replace('-', '_')}" for command in COMMANDS)):
        importlib.import_module(name)
    gc.freeze()
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(asked)
            main(asked["arguments"])
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


def _become(asked: dict[str, str]) -> None:
    """Be a process of its own, with the folder, environment and files of the one that asks."""
    os.setsid()
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    for number, path in enumerate((os.devnull, asked["output"], asked["errors"])):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), number)


if __name__ == "__main__":
    serve()
