"""``wsi-refocus compare``: two refocused slides side by side, or one and the truth."""

from __future__ import annotations

import json
from pathlib import Path

import click

from wsi_refocus_cli.options import speaking_options


@click.command()
@click.argument("a", type=click.Path(path_type=Path), metavar="A")
@click.argument("b", type=click.Path(), metavar="B")
@click.option("-o", "--output", "file", type=click.Path(path_type=Path), metavar="FILE",
              help="HTML file to write; default: A without .ome.zarr and with .compare.html.")  # fmt: skip
@click.option("--worst", type=click.IntRange(0, 100), default=6, show_default=True,
              help="Tiles to show at full resolution: those that differ most.")  # fmt: skip
@speaking_options
def command(a: Path, b: str, file: Path | None, worst: int, as_json: bool, verbose: int, quiet: bool) -> None:
    """Compare a refocused slide with another one, or with the truth.

    A is what `run` wrote. B is the same slide refocused in another way; or a slide of one plane in focus, which is
    laid on A first. Both must have the same size. A page shows where they differ and how much.
    """
    from rich.console import Console

    from wsi_refocus.report.compare import compare
    from wsi_refocus_cli.console import ConsoleProgress, set_up_logging

    console = Console(stderr=True)
    set_up_logging(verbose, quiet, console)
    with ConsoleProgress(console, quiet) as progress:
        found = compare(a, b, file, most=worst, progress=progress)
    if as_json:
        click.echo(json.dumps(found.to_json()))
    elif not quiet:
        click.echo(found.to_text())
