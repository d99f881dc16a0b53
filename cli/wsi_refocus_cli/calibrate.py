"""``wsi-refocus calibrate``: fit the optics of one scanner to a focal stack of it."""

from __future__ import annotations

from pathlib import Path

import click

from wsi_refocus_cli.options import Numbers


@click.command()
@click.argument("stack", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="FOLDER")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Profile to write (JSON).")
@click.option("--z-step", "z_step_um", type=float, help="Distance in µm of the planes of the stack.")
@click.option("--mpp", type=float, help="µm per pixel of the stack.")
@click.option("--region", type=Numbers("Y,X,H,W", int), help="Part of the stack, in pixels.")
@click.option("--truth", type=int, metavar="N", help="Plane that is in focus; by default the sharpest.")
@click.option(
    "--pair",
    "pairs",
    multiple=True,
    type=Numbers("A,B", int),
    help="Shots to fit to; again for more, else all near.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but the table.")
def command(
    stack: Path,
    output: Path,
    z_step_um: float | None,
    mpp: float | None,
    region: tuple[int, int, int, int] | None,
    truth: int | None,
    pairs: tuple[tuple[int, int], ...],
    quiet: bool,
) -> None:
    """Fit the optics of one scanner to a focal stack of it: a folder with one image a plane.

    The upper half of the field is fitted to, the lower half is measured on. The profile is for `run --method joint
    --profile`; it is written only if it makes held-out pixels better than nominal optics, either shot and their mean.
    """
    from rich.console import Console

    from wsi_refocus.errors import UsageError
    from wsi_refocus.evaluation.calibration import STEPS, calibrate, is_worth_it, near_pairs
    from wsi_refocus.evaluation.stack import cases_of_stack, read_stack, sharpest
    from wsi_refocus.geometry import Region
    from wsi_refocus_cli.console import ConsoleProgress, set_up_logging
    from wsi_refocus_cli.evaluate import assumed

    console = Console(stderr=True)
    set_up_logging(0, quiet, console)
    planes = read_stack(stack, None if region is None else Region(*region))
    truth = sharpest(planes) if truth is None else truth
    step, size = assumed("z-step", z_step_um, 0.5), assumed("mpp", mpp, 0.25)
    cases = cases_of_stack(planes, step, size, truth, pairs or near_pairs(len(planes), truth))
    with ConsoleProgress(console, quiet) as progress:
        progress.start("fit", STEPS, "steps")
        profile, held_out = calibrate(cases, STEPS, progress.advance)
        progress.stop()
    click.echo("| held-out half | better shot | mean | joint, nominal optics | joint, fitted optics |")
    click.echo("| --- | --- | --- | --- | --- |")
    for each in held_out:
        numbers = (each.better_shot, each.mean, each.nominal, each.fitted)
        click.echo("| " + " | ".join([each.name, *(f"{number:.2f}" for number in numbers)]) + " |")
    if not is_worth_it(held_out):
        raise UsageError(
            f"{stack}: held-out pixels are no better with the fit, so there is no profile; try another field"
        )
    profile.write(output)
    click.echo(f"profile: {output}", err=True)
