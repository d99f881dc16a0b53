"""``wsi-refocus simulate``: a two-shot slide, or a focal stack, of a slide in focus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wsi_refocus_cli.options import Numbers


@click.command()
@click.argument("slide", metavar="SLIDE")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="OME-TIFF to write.")
@click.option("--truth", type=click.Path(path_type=Path), help="OME-TIFF to write the truth to.")
@click.option(
    "--defocus-offset",
    "offset_um",
    type=float,
    default=0.75,
    show_default=True,
    metavar="UM",
    help="ΔD: the shots lie at −ΔD and +ΔD.",
)
@click.option("--planes", type=click.IntRange(min=2), help="Make a stack of so many planes instead of two shots.")
@click.option("--z-step", "z_step_um", type=float, default=0.5, show_default=True, help="Distance of its planes, µm.")
@click.option(
    "--drift", "drift_um", type=float, help="δ: height of the section over the initial plane; drawn if absent."
)
@click.option("--phase", "phase_per_density", type=float, help="Phase in radians for an optical density of 1.")
@click.option("--region", type=Numbers("Y,X,H,W", int), help="Part of the slide, in pixels.")
@click.option("--mpp", type=float, help="µm per pixel, where the slide does not say.")
@click.option("--quality", type=click.IntRange(1, 100), default=90, show_default=True, help="JPEG quality.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of everything that is drawn.")
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def command(
    slide: str, output: Path, truth: Path | None, offset_um: float, planes: int | None, z_step_um: float, seed: int,
    quiet: bool, region: tuple[int, int, int, int] | None, mpp: float | None, quality: int, overwrite: bool,
    **changes: Any,
) -> None:  # fmt: skip
    """Simulate a scan at several focal planes from a slide in focus.

    Optics, topography, tilt, drift, shift, scale, gain and noise are drawn from the ranges of docs/optics.md, written
    beside the output as JSON and into its OME-XML.
    """
    from rich.console import Console

    from wsi_refocus.geometry import Region
    from wsi_refocus.simulation.acquisition import draw_slide_acquisition
    from wsi_refocus.simulation.simulate import simulate_slide
    from wsi_refocus_cli.console import ConsoleProgress, set_up_logging

    console = Console(stderr=True)
    set_up_logging(0, quiet, console)
    heights: tuple[float, ...] = (-offset_um, offset_um)
    if planes is not None:
        heights = tuple((number - (planes - 1) / 2) * z_step_um for number in range(planes))
    given = {name: value for name, value in changes.items() if value is not None}
    acquisition = draw_slide_acquisition(heights, seed, given)
    part = None if region is None else Region(*region)
    with ConsoleProgress(console, quiet) as progress:
        simulate_slide(
            slide, output, acquisition, truth=truth, region=part, mpp=mpp, quality=quality, overwrite=overwrite,
            begin=lambda total: progress.start("simulate", total, "blocks"), progress=progress.advance,
        )  # fmt: skip
        progress.stop()
    if not quiet:
        click.echo(str(output))
