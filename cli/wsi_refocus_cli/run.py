"""``wsi-refocus run``: refocus one slide."""

from __future__ import annotations

import json
from typing import Any

import click

from wsi_refocus_cli.interruption import take_termination_as_interrupt
from wsi_refocus_cli.options import NamedNumber, reading_options, slide_arguments, speaking_options


@click.command()
@slide_arguments
@click.option("-o", "--output", type=click.Path(), help="Output; default: NAME.refocused.ome.zarr beside the input.")
@click.option(
    "--method",
    default="tsva-lite",
    show_default=True,
    help="tsva-lite, tsva, unet, burst, joint, wiener, richardson_lucy, edf, focus_map, dark_channel, graph_prior, "
    "mean or sharpest.",
)
@click.option(
    "--checkpoint", type=click.Path(), help="Weights (.safetensors) of the method; default: the bundled ones."
)
@click.option("--profile", type=click.Path(), help="Optics profile of the scanner (wsi-refocus calibrate).")
@reading_options
@click.option("--resample", type=float, metavar="UM", help="Refocus and write at this many µm per pixel.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--workers", type=int, help="Worker processes; 0 works in this process. Default: by cores or GPUs.")
@click.option("--threads", type=int, help="Shards in hand at once in each worker.")
@click.option("--scheduler", metavar="ADDRESS", help="Use an existing Dask scheduler, as tcp://host:8786.")
@click.option("--tile", type=int, default=512, show_default=True, help="Edge in pixels of the tiles of the method.")
@click.option("--retries", type=int, default=2, show_default=True, help="How often a failed shard is tried again.")
@click.option(
    "--no-tissue-mask",
    "tissue_mask",
    is_flag=True,
    flag_value=False,
    default=True,
    help="Refocus the background too.",
)
@click.option("--ngff", type=click.Choice(["0.5", "0.4"]), default="0.5", show_default=True, help="OME-NGFF version.")
@click.option(
    "--compressor",
    default="zstd",
    show_default=True,
    help="Codec of the chunks, as zstd:3, blosc, gzip, none.",
)
@click.option(
    "--policy",
    type=click.Choice(["keep-sharper", "flag", "off"]),
    default="keep-sharper",
    show_default=True,
    help="What is done with tiles whose evidence is against them: the sharper shot is written, or they are marked.",
)
@click.option(
    "--uncertainty",
    type=click.Choice(["subset", "full"]),
    default="subset",
    show_default=True,
    help="How much is predicted again, turned: a square of every tile, or all of it (eight times the work).",
)
@click.option(
    "--limit",
    "limits",
    type=NamedNumber(),
    multiple=True,
    help="Limit of the evidence (docs/trust.md); again for another.",
)
@click.option("--reference", metavar="SLIDE|plane:N", help="In-focus slide or plane to measure PSNR and SSIM against.")
@click.option("--phase", is_flag=True, help="Write a map of the optical phase, too: an image of its own in the output.")
@click.option("--csv", "as_csv", type=click.Path(), help="Write the quality table as CSV too.")
@click.option("--overwrite", is_flag=True, help="Replace an existing output, or start an unfinished one anew.")
@speaking_options
def command(
    slide: str, second: str | None, output: str | None, as_csv: str | None, as_json: bool, verbose: int, quiet: bool,
    **options: Any,
) -> None:  # fmt: skip
    """Refocus a slide scanned at two focal planes.

    SLIDE is one file of two or more focal planes (OME-TIFF, OME-Zarr); or SLIDE and SLIDE2 are two files of
    one plane each, in any format that OpenSlide reads. An interrupted run is continued by the same command.
    """
    from rich.console import Console

    from wsi_refocus.config import make_settings
    from wsi_refocus.pipeline.refocus import refocus_with
    from wsi_refocus_cli.console import ConsoleProgress, set_up_logging

    take_termination_as_interrupt()
    console = Console(stderr=True)
    set_up_logging(verbose, quiet, console)
    settings = make_settings(**options | {"limits": dict(options["limits"])})
    with ConsoleProgress(console, quiet) as progress:
        summary = refocus_with(slide, second, output, settings, progress=progress, csv=as_csv)
    report = _report(summary.output)
    if as_json:
        click.echo(json.dumps(summary.to_json() | {"report": report}))
    elif not quiet:
        click.echo(summary.to_text())
        if report:
            click.echo(f"Report:  {report}")


def _report(output: str) -> str | None:
    """Page for people; that it cannot be made must not spoil a finished slide."""
    import logging
    from pathlib import Path

    from wsi_refocus.errors import RefocusError
    from wsi_refocus.report.page import write_report

    try:
        return str(write_report(Path(output)))
    except RefocusError as error:
        logging.getLogger(__name__).warning("the slide is finished, but its report could not be made: %s", error)
        return None
