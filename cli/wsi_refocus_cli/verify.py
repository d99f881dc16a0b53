"""``wsi-refocus verify``: whether a refocused slide still is what a run wrote."""

from __future__ import annotations

import json
from pathlib import Path

import click

from wsi_refocus_cli.options import speaking_options


@click.command()
@click.argument("output", type=click.Path(path_type=Path), metavar="OUT")
@click.option(
    "--tiles",
    type=click.IntRange(min=1),
    help="Tiles, and regions of coarse levels, that are computed again; always the same ones.  [default: 64]",
)
@click.option("--all", "every", is_flag=True, help="Compute all of them again.")
@speaking_options
def command(output: Path, tiles: int | None, every: bool, as_json: bool, verbose: int, quiet: bool) -> None:
    """Check a refocused slide against itself.

    Every file against its checksum; every shard, decoded; coarse levels against the finer ones; the quality table
    for a row a tile, against the pixels of tiles and against the quality image; and the provenance. All that is
    wrong is listed by file and check, and the exit code is 5.
    """
    from rich.console import Console

    from wsi_refocus.errors import UsageError
    from wsi_refocus.verification.verify import TILES, UNSOUND, verify_output
    from wsi_refocus_cli.console import ConsoleProgress, set_up_logging

    if every and tiles is not None:
        raise UsageError("--tiles and --all contradict each other; give one of them")
    console = Console(stderr=True)
    set_up_logging(verbose, quiet, console)
    with ConsoleProgress(console, quiet) as progress:
        found = verify_output(output, tiles=None if every else tiles or TILES, progress=progress)
    if as_json:
        click.echo(json.dumps(found.to_json()))
    elif not quiet or not found.sound:
        click.echo(found.to_text())
    if not found.sound:
        click.get_current_context().exit(UNSOUND)
