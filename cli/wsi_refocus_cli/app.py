"""The ``wsi-refocus`` command: finds the sub-commands, turns errors into one line and an exit code."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Sequence

import click

from wsi_refocus import __version__
from wsi_refocus.errors import RefocusError

# threads of torch that wait for others must not burn cores that other processes need; read when torch is imported
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

INTERRUPTED = 130

COMMANDS = {
    "run": "Refocus a slide scanned at two focal planes.",
    "batch": "Refocus an archive of slides.",
    "export": "Write a refocused slide as a pyramidal OME-TIFF.",
    "info": "Show what a slide holds and what `run` would make of it.",
    "view": "Open a refocused slide in a viewer.",
    "report": "Make the report of a refocused slide again: one page for people.",
    "verify": "Check that an output is whole and sound.",
    "compare": "Put two outputs, or an output and a truth, side by side.",
    "evaluate": "Measure methods where the truth is known.",
    "calibrate": "Fit the optics of one scanner to a focal stack of it.",
    "calibrate-bound": "Calibrate the bound of the error that goes with a network's weights.",
    "train": "Train a network on simulated acquisitions.",
    "import-stacks": "Make focal stacks of slides ready for training.",
    "import-jiang": "Make the data set of Jiang et al. 2018 ready for training.",
    "simulate": "Make a two-shot slide, or a focal stack, of a slide in focus.",
}

EXIT_CODES = """\b
Exit codes:
  0    done
  2    wrong usage
  3    the input, the checkpoint or the output cannot be used
  4    finished, but some shards or slides failed; the same command retries them
  5    verify found something wrong
  130  interrupted; the same command continues
"""


class LazyGroup(click.Group):
    """Group that imports a command's module when it is called, so that ``--help`` answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands, in the order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command from the module of its name."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"wsi_refocus_cli.{cmd_name.replace('-', '_')}")
        command = module.command
        assert isinstance(command, click.Command)  # noqa: S101 - one command a module is the rule here
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="wsi-refocus")
def group() -> None:
    """Refocus whole slides that were scanned at two focal planes."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with a documented exit code."""
    code = _run(arguments)
    gc.freeze()  # or the interpreter looks through all that was ever imported on its way out: a third of a second
    sys.exit(code)


def _run(arguments: Sequence[str] | None) -> int:
    """Run the command line; whatever goes wrong is said in a line, and its exit code returned."""
    try:
        code = group.main(
            args=None if arguments is None else list(arguments),
            prog_name="wsi-refocus",
            standalone_mode=False,
        )
    except click.exceptions.Abort:
        click.echo("wsi-refocus: interrupted", err=True)
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except RefocusError as error:
        click.echo(f"wsi-refocus: {error}", err=True)
        return error.exit_code
    except KeyboardInterrupt:
        click.echo("wsi-refocus: interrupted; the same command continues where it stopped", err=True)
        return INTERRUPTED
    return code if isinstance(code, int) else 0
