"""``wsi-refocus calibrate``: fit optics and network to one scanner, on a focal stack of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wsi_refocus_cli.interruption import take_termination_as_interrupt
from wsi_refocus_cli.options import Numbers
from wsi_refocus_cli.stacks import opened, regions_of, scale_of

if TYPE_CHECKING:
    from wsi_refocus.evaluation.calibration import HeldOut
    from wsi_refocus.evaluation.case import Case
    from wsi_refocus.optics.profile import OpticsProfile
    from wsi_refocus_cli.console import ConsoleProgress

FIELDS = 4
"""Fields of a slide that are looked at by default; the time that a fit takes grows with them."""


@click.command()
@click.argument("path", metavar="STACK")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Profile to write (JSON).")
@click.option("--z-step", "z_step_um", type=float, help="Distance in µm of the planes, if the stack does not say.")
@click.option("--mpp", type=float, help="µm per pixel, if the stack does not say.")
@click.option("--region", type=Numbers("Y,X,H,W", int), help="Part of the stack, in pixels.")
@click.option(
    "--fields",
    type=click.IntRange(min=1),
    help="Fields of 512 × 512 pixels that are looked at; 4 of a slide by default.",
)
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
    path: str,
    output: Path,
    z_step_um: float | None,
    mpp: float | None,
    region: tuple[int, int, int, int] | None,
    fields: int | None,
    truth: int | None,
    pairs: tuple[tuple[int, int], ...],
    tuning_steps: int,
    quiet: bool,
) -> None:
    """Fit optics and network to one scanner, on a focal stack of it.

    STACK is a folder with one image a plane, or a slide of at least three planes, of which a few fields are taken. The
    upper half of every field is fitted to, the lower half is measured on. The profile is for `run --profile`, with
    --method tsva-lite (its weights are kept beside it) or joint. What does not make held-out pixels better than all
    that needs no profile is not written.
    """
    from rich.console import Console

    from wsi_refocus.evaluation.calibration import measure
    from wsi_refocus.evaluation.profile_files import WEIGHTS, made_aside, put_in_place
    from wsi_refocus_cli.console import ConsoleProgress, set_up_logging

    console = Console(stderr=True)
    set_up_logging(0, quiet, console)
    take_termination_as_interrupt()
    with made_aside(output) as folder:
        near, chosen, size = _cases(path, (z_step_um, mpp), region, fields, truth, pairs)
        with ConsoleProgress(console, quiet) as progress:
            weights = folder / output.with_suffix(WEIGHTS).name
            profile = _fitted(near, chosen, weights, tuning_steps, progress)
        held_out = measure(chosen, profile, folder)
        _print(held_out)
        put_in_place(_worth_keeping(profile, held_out, path, size), folder, output)
    click.echo(f"profile: {output}", err=True)


def _cases(
    path: str,
    scale: tuple[float | None, float | None],
    region: tuple[int, int, int, int] | None,
    fields: int | None,
    truth: int | None,
    pairs: tuple[tuple[int, int], ...],
) -> tuple[list[Case], list[Case], float]:
    """Cases near focus, those to fit to and to measure on, and µm per pixel."""
    from wsi_refocus.evaluation.calibration import near_pairs
    from wsi_refocus.evaluation.stack import cases_of_stack, fields_in_focus

    near: list[Case] = []
    chosen: list[Case] = []
    with opened(path, *scale) as stack:
        regions = regions_of(stack, region, fields, FIELDS)
        z_um, size = scale_of(stack)
        for field in fields_in_focus(stack, regions, truth, pairs):
            place = (field.planes, z_um, size, field.truth)
            near += cases_of_stack(*place, near_pairs(len(z_um), field.truth), field.name)
            if pairs:
                chosen += cases_of_stack(*place, field.pairs, field.name)
    return near, chosen or near, size


def _fitted(
    near: list[Case], chosen: list[Case], weights: Path, tuning_steps: int, progress: ConsoleProgress
) -> OpticsProfile:
    from wsi_refocus.evaluation.calibration import FIT_STEPS, fit_scanner, tune_to_scanner

    progress.start("fit", FIT_STEPS, "steps")
    profile = fit_scanner(chosen, progress=progress.advance)
    progress.stop()
    if tuning_steps:
        progress.start("tune", tuning_steps, "steps")
        profile = tune_to_scanner(near, profile, weights, tuning_steps, progress.advance)
        progress.stop()
    return profile


def _print(held_out: Sequence[HeldOut]) -> None:
    from wsi_refocus.evaluation.calibration import averages

    rows = [(each.name, each.psnr) for each in held_out]
    rows.append(("average", averages(held_out)))
    click.echo("| " + " | ".join(["held-out half, dB", *rows[0][1]]) + " |")
    click.echo("| " + " | ".join(["---"] * (len(rows[0][1]) + 1)) + " |")
    for name, numbers in rows:
        click.echo("| " + " | ".join([name, *(f"{number:.2f}" for number in numbers.values())]) + " |")


def _worth_keeping(profile: OpticsProfile, held_out: Sequence[HeldOut], path: str, mpp: float) -> OpticsProfile:
    """The profile with what made things better, and what was measured with it."""
    from wsi_refocus.errors import UsageError
    from wsi_refocus.evaluation.calibration import FITTED, TUNED, averages, is_worth_it

    if not is_worth_it(held_out, TUNED):
        if profile.weights:
            click.echo("the tuned network is no better on held-out pixels and is not kept", err=True)
            profile = replace(profile, weights="", weights_sha256="")
        if not is_worth_it(held_out, FITTED):
            raise UsageError(
                f"{path}: held-out pixels are no better with the fit, so there is no profile; try other fields"
            )
    figures = {
        "mpp": mpp,
        "fitted_to": "upper half of every field of the stack",
        "psnr_db_on_lower_half": {name: round(value, 3) for name, value in averages(held_out).items()},
        "pairs": [each.name for each in held_out],
    }
    return replace(profile, figures=figures)
