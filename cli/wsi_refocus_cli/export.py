"""``wsi-refocus export``: a refocused slide as one pyramidal OME-TIFF."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import click

from wsi_refocus_cli.options import speaking_options


@click.command()
@click.argument("output", type=click.Path(path_type=Path), metavar="OUT")
@click.option("-o", "--output", "file", type=click.Path(path_type=Path), metavar="FILE",
              help="File to write; default: beside OUT, NAME.ome.zarr as NAME.ome.tiff.")  # fmt: skip
@click.option("--compression", type=click.Choice(["jpeg", "deflate"]), default="jpeg", show_default=True,
              help="How tiles are compressed; deflate loses nothing.")  # fmt: skip
@click.option("--quality", type=click.IntRange(1, 100), default=90, show_default=True, help="Quality of JPEG.")
@click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
@speaking_options
def command(
    output: Path,
    file: Path | None,
    compression: Literal["jpeg", "deflate"],
    quality: int,
    overwrite: bool,
    as_json: bool,
    verbose: int,
    quiet: bool,
) -> None:
    """Write a refocused slide as a pyramidal OME-TIFF.

    OpenSlide, QuPath, Bio-Formats and tifffile open it with all its levels. Label, macro, ICC profile, pixel size,
    magnification and provenance go with it; the quality table and the report stay in OUT.
    """
    from rich.console import Console

    from wsi_refocus.pipeline.export import export_output
    from wsi_refocus_cli.console import ConsoleProgress, set_up_logging

    console = Console(stderr=True)
    set_up_logging(verbose, quiet, console)
    with ConsoleProgress(console, quiet) as progress:
        written = export_output(output, file, compression, quality, progress, overwrite)
    size = written.stat().st_size
    if as_json:
        click.echo(json.dumps({"output": str(written), "bytes": size, "compression": compression}))
    elif not quiet:
        click.echo(f"Export: {written} ({size / 1e6:.1f} MB)")
