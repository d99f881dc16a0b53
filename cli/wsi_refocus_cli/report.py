"""``wsi-refocus report``: make the report of a result again."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("output", type=click.Path(path_type=Path), metavar="OUT")
@click.option("-o", "--output", "file", type=click.Path(path_type=Path), metavar="FILE",
              help="HTML file to write; default: report/index.html in OUT.")  # fmt: skip
def command(output: Path, file: Path | None) -> None:
    """Make the report of a refocused slide: one HTML page, for any browser and for printing.

    `run` makes it at its end. Both shots are shown beside the result if the slides that it was made of are still
    where they were.
    """
    from rich.console import Console

    from wsi_refocus.report.page import write_report
    from wsi_refocus_cli.console import set_up_logging

    set_up_logging(0, False, Console(stderr=True))
    click.echo(f"Report: {write_report(output, file)}")
