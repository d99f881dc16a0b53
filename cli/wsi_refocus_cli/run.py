"""``wsi-refocus run``: refocus one slide."""

from __future__ import annotations

import json
from typing import Any

import click

from wsi_refocus_cli.interruption import take_termination_as_interrupt
from wsi_refocus_cli.options import slide_arguments, speaking_options
from wsi_refocus_cli.run_options import begin_early, delivery_of, delivery_options, refocusing_options, working_options


@click.command()
@slide_arguments
@click.option("-o", "--output", type=click.Path(), help="Output; default: NAME.refocused.ome.zarr beside the input.")
@refocusing_options
@working_options
@click.option("--retries", type=int, default=2, show_default=True, help="How often a failed shard is tried again.")
@delivery_options
@click.option("--reference", metavar="SLIDE|plane:N", help="In-focus slide or plane to measure PSNR and SSIM against.")
@click.option("--csv", "as_csv", type=click.Path(), help="Write the quality table as CSV too.")
@click.option("--overwrite", is_flag=True, help="Replace an existing output, or start an unfinished one anew.")
@speaking_options
def command(
    slide: str, second: str | None, output: str | None, as_csv: str | None, as_json: bool, verbose: int, quiet: bool,
    **options: Any,
) -> None:  # fmt: skip
    """Refocus a slide scanned at two focal planes.

    SLIDE is one file of two or more focal planes (OME-TIFF, OME-Zarr); or SLIDE and SLIDE2 are two files of
    one plane each, in any format that OpenSlide reads. Both may be URLs, and so may the output. An interrupted run is
    continued by the same command.
    """
    take_termination_as_interrupt()
    begin_early(slide, options)
    from rich.console import Console

    from wsi_refocus.archive.delivery import deliver
    from wsi_refocus.config import make_settings
    from wsi_refocus_cli.console import ConsoleProgress, set_up_logging

    console = Console(stderr=True)
    set_up_logging(verbose, quiet, console)
    delivery = delivery_of(options)
    settings = make_settings(**options | {"limits": dict(options["limits"])})
    with ConsoleProgress(console, quiet) as progress:
        done = deliver(slide, second, output, settings, delivery, progress=progress, csv=as_csv)
    if as_json:
        click.echo(json.dumps(done.to_json()))
    elif not quiet:
        click.echo(done.summary.to_text())
        for title, place in (("Report", done.report), *(("Export", file) for file in done.exports)):
            if place:
                click.echo(f"{title}:  {place}")
