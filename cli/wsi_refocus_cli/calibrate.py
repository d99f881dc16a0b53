"""``wsi-refocus calibrate``: fit optics and network to one scanner, on a focal stack of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wsi_refocus_cli.options import Numbers

if TYPE_CHECKING:
    from wsi_refocus.evaluation.calibration import HeldOut
    from wsi_refocus.optics.profile import OpticsProfile


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
@click.option(
    "--tuning-steps",
    type=click.IntRange(min=0),
    default=800,
    show_default=True,
    help="Steps that the bundled network is tuned for; 0 for optics only.",
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
    tuning_steps: int,
    quiet: bool,
) -> None:
    """Fit optics and network to one scanner, on a focal stack of it: a folder with one image a plane.

    The upper half of the field is fitted to, the lower half is measured on. The profile is for `run --profile`, with
    --method tsva-lite (its weights are kept beside it) or joint. What does not make held-out pixels better than all
    that needs no profile is not written.
    """
    from rich.console import Console

    from wsi_refocus.evaluation import calibration
    from wsi_refocus.evaluation.stack import cases_of_stack, read_stack, sharpest
    from wsi_refocus.geometry import Region
    from wsi_refocus_cli.console import ConsoleProgress, set_up_logging
    from wsi_refocus_cli.evaluate import assumed

    console = Console(stderr=True)
    set_up_logging(0, quiet, console)
    planes = read_stack(stack, None if region is None else Region(*region))
    truth = sharpest(planes) if truth is None else truth
    step, size = assumed("z-step", z_step_um, 0.5), assumed("mpp", mpp, 0.25)
    near = cases_of_stack(planes, step, size, truth, calibration.near_pairs(len(planes), truth))
    chosen = cases_of_stack(planes, step, size, truth, pairs) if pairs else near
    with ConsoleProgress(console, quiet) as progress:
        progress.start("fit", calibration.FIT_STEPS, "steps")
        profile = calibration.fit_scanner(chosen, progress=progress.advance)
        progress.stop()
        if tuning_steps:
            progress.start("tune", tuning_steps, "steps")
            weights = output.with_suffix(".safetensors")
            profile = calibration.tune_to_scanner(near, profile, weights, tuning_steps, progress.advance)
            progress.stop()
    held_out = calibration.measure(chosen, profile, output.parent)
    _print(held_out)
    _keep(profile, held_out, stack, output, size)


def _print(held_out: Sequence[HeldOut]) -> None:
    from wsi_refocus.evaluation.calibration import averages

    rows = [(each.name, each.psnr) for each in held_out]
    rows.append(("average", averages(held_out)))
    click.echo("| " + " | ".join(["held-out half, dB", *rows[0][1]]) + " |")
    click.echo("| " + " | ".join(["---"] * (len(rows[0][1]) + 1)) + " |")
    for name, numbers in rows:
        click.echo("| " + " | ".join([name, *(f"{number:.2f}" for number in numbers.values())]) + " |")


def _keep(profile: OpticsProfile, held_out: Sequence[HeldOut], stack: Path, output: Path, mpp: float) -> None:
    """Write what made things better; the rest is taken away again."""
    from wsi_refocus.errors import UsageError
    from wsi_refocus.evaluation.calibration import FITTED, TUNED, averages, is_worth_it

    weights = output.with_suffix(".safetensors")
    if not is_worth_it(held_out, TUNED):
        if profile.weights:
            click.echo("the tuned network is no better on held-out pixels and is not kept", err=True)
            weights.unlink()
            weights.with_suffix(".md").unlink()
            profile = replace(profile, weights="", weights_sha256="")
        if not is_worth_it(held_out, FITTED):
            raise UsageError(
                f"{stack}: held-out pixels are no better with the fit, so there is no profile; try another field"
            )
    figures = {
        "mpp": mpp,
        "fitted_to": "upper half of the stack's field",
        "psnr_db_on_lower_half": {name: round(value, 3) for name, value in averages(held_out).items()},
        "pairs": [each.name for each in held_out],
    }
    replace(profile, figures=figures).write(output)
    click.echo(f"profile: {output}", err=True)
