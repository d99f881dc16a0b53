"""``wsi-refocus info``: what a slide holds and what ``run`` would make of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from wsi_refocus_cli.options import reading_options, slide_arguments, speaking_options


@click.command()
@slide_arguments
@reading_options
@click.option("--method", default="tsva-lite", show_default=True, help="Method that memory is estimated for.")
@speaking_options
def command(slide: str, second: str | None, as_json: bool, verbose: int, quiet: bool, **options: Any) -> None:
    """Show what a slide holds and what `run` would make of it.

    Planes with their heights, levels, mpp, magnification, associated images; the plane pair that would be
    chosen and why; and rough estimates of the output's size and of the memory of the run.
    """
    from rich.console import Console

    from wsi_refocus.config import make_settings
    from wsi_refocus.pipeline.inspect import inspect_slide
    from wsi_refocus_cli.console import set_up_logging

    set_up_logging(verbose, quiet, Console(stderr=True))
    content = inspect_slide(slide, second, make_settings(**options))
    if as_json:
        click.echo(json.dumps(content))
        return
    for line in _lines(content):
        click.echo(line)


def _lines(content: dict[str, Any]) -> Iterator[str]:
    yield f"slide        {' + '.join(content['paths'])} ({content['format']})"
    yield f"size         {content['size'][0]} × {content['size'][1]} pixels (height × width)"
    mpp = content["mpp"]
    yield "mpp          " + ("unknown" if mpp is None else f"{mpp[0]:.4g} × {mpp[1]:.4g} µm (y × x)")
    yield f"objective    {_or_unknown(content['magnification'], '×')}"
    for index, level in enumerate(content["levels"]):
        height, width = level["size"]
        yield f"level {index:<6} {height} × {width}, downsample {level['downsample']:.4g}"
    for plane in content["planes"]:
        yield f"plane {plane['plane']:<6} z {_or_unknown(plane['z_um'], ' µm')}"
    yield f"images       {', '.join(content['associated']) or 'none'}"
    for note in content["notes"]:
        yield f"note         {note}"
    run = content["run"]
    if "planes" in run:
        pair, tiles = run["planes"], run["tiles"]
        yield f"run          planes {pair['first']} and {pair['second']}: {pair['reason']}"
        yield f"             {tiles['with_tissue']} of {tiles['total']} tiles of 512 × 512 pixels hold tissue"
        yield f"             about {run['output_mb']:.0f} MiB of output in {run['output_levels']} levels"
        yield (
            f"             about {run['memory_mb']} MiB of memory with {run['workers']} workers "
            f"of {run['threads']} threads"
        )
    if not run["possible"]:
        yield f"run          not possible: {run['reason']}"


def _or_unknown(value: float | None, unit: str) -> str:
    return "unknown" if value is None else f"{value:g}{unit}"
