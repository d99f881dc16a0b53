"""``wsi-refocus import-stacks``: make focal stacks of slides ready for training."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("slides", nargs=-1, required=True, metavar="SLIDE...")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option("--defocus-offset", "offset_um", type=float, default=0.75, show_default=True, metavar="UM", help="ΔD.")
@click.option(
    "--drift-spread",
    "spread_um",
    type=float,
    default=1.0,
    show_default=True,
    metavar="UM",
    help="Standard deviation of δ, which is drawn for every field.",
)
@click.option("--fields", type=click.IntRange(min=2), default=400, show_default=True, help="Most fields of one slide.")
@click.option("--z-step", "z_step_um", type=float, help="Distance in µm of the planes, if the slides do not say.")
@click.option("--mpp", type=float, help="µm per pixel, if the slides do not say.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of drifts and split.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def command(
    slides: tuple[str, ...],
    output: Path,
    offset_um: float,
    spread_um: float,
    fields: int,
    z_step_um: float | None,
    mpp: float | None,
    seed: int,
    quiet: bool,
) -> None:
    """Cut focal stacks into fields: `train CONFIG --manifest FOLDER` learns from them.

    A SLIDE is a slide of at least three planes, or a folder with one image a plane. The truth of every 224 × 224 pixels
    is their plane of the largest Brenner gradient; shots are the planes nearest to those that a scanner with this ΔD
    would take. Of several slides some are validated on, of a single one every seventh field.
    """
    from rich.console import Console

    from wsi_refocus.network.dual_plane import Guesses
    from wsi_refocus.training.slides import Drifts, import_stacks
    from wsi_refocus_cli.console import ConsoleProgress, set_up_logging

    console = Console(stderr=True)
    set_up_logging(0, quiet, console)
    with ConsoleProgress(console, quiet) as progress:
        train, validation = import_stacks(
            slides, output, Guesses(), Drifts(offset_um, spread_um, seed), fields=fields, z_step_um=z_step_um, mpp=mpp,
            begin=lambda total: progress.start("import", total, "fields"), progress=progress.advance,
        )  # fmt: skip
        progress.stop()
    if not quiet:
        click.echo(f"{output}: {train} fields to train on, {validation} to validate on")
