"""``wsi-refocus evaluate``: how good methods are where the truth is known."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wsi_refocus_cli.options import Numbers

if TYPE_CHECKING:
    from wsi_refocus.evaluation.case import Case


@click.command()
@click.argument("source", type=click.Path(exists=True, path_type=Path), metavar="MANIFEST|FOLDER")
@click.option(
    "--method",
    "methods",
    multiple=True,
    default=("joint", "tsva"),
    show_default=True,
    help="Method to measure; give it again for another.",
)
@click.option("--checkpoint", help="Checkpoint of the method tsva; the bundled one by default.")
@click.option("--profile", help="Optics profile of the method joint; nominal optics by default.")
@click.option("--z-step", "z_step_um", type=float, help="Distance in µm of the planes of a stack.")
@click.option("--mpp", type=float, help="µm per pixel of a stack.")
@click.option("--region", type=Numbers("Y,X,H,W", int), help="Part of a stack, in pixels.")
@click.option("--truth", type=int, metavar="N", help="Plane of a stack that is in focus; by default the sharpest.")
@click.option(
    "--pair", "pairs", multiple=True, type=Numbers("A,B", int), help="Shots of a stack; again for more, else all pairs."
)
@click.option("--split", default="test", show_default=True, help="Split of the manifest.")
@click.option("--count", type=click.IntRange(min=1), default=200, show_default=True, help="Simulated cases.")
@click.option(
    "--defocus-offset",
    "offset_um",
    type=float,
    default=0.75,
    show_default=True,
    metavar="UM",
    help="ΔD of the simulated shots.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the simulation.")
@click.option("--csv", type=click.Path(path_type=Path), help="File for the scores of every case.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but the table.")
def command(
    source: Path,
    methods: tuple[str, ...],
    checkpoint: str | None,
    csv: Path | None,
    quiet: bool,
    **options: Any,
) -> None:
    """Measure methods against the truth, beside both shots and their mean.

    FOLDER is a real focal stack, one image a plane: its sharpest plane is the truth of all pairs of planes around it.
    MANIFEST is a table of in-focus images with columns file, group, mpp and split: shots are simulated of them, with
    drifts as they occur, N(0, 1 µm), so that no shot is the truth.
    """
    from rich.console import Console

    from wsi_refocus.evaluation.case import score
    from wsi_refocus.evaluation.simulated import BORDER
    from wsi_refocus.evaluation.table import by_case, by_drift, rows
    from wsi_refocus.methods import MethodSpec
    from wsi_refocus_cli.console import ConsoleProgress, set_up_logging

    own = {"tsva": {"checkpoint": checkpoint}, "joint": {"profile": options["profile"]}}
    specs = [MethodSpec(name, **own.get(name, {})) for name in methods]
    stack = source.is_dir()
    cases: list[Case] = list(_stack(source, options) if stack else _simulated(source, options))
    console = Console(stderr=True)
    set_up_logging(0, quiet, console)
    scores = []
    with ConsoleProgress(console, quiet) as progress:
        progress.start("evaluate", len(cases), "cases")
        for case in cases:
            scores.append(score(case, specs, 0 if stack else BORDER))
            progress.advance(1)
        progress.stop()
    table = rows(cases, scores)
    click.echo(by_case(table) if stack else by_drift(table))
    if csv is not None:
        table.to_csv(csv, index=False)


def _stack(folder: Path, options: dict[str, Any]) -> Iterable[Case]:
    from wsi_refocus.evaluation.stack import cases_of_stack, read_stack
    from wsi_refocus.geometry import Region

    z_step_um, mpp = assumed("z-step", options["z_step_um"], 0.5), assumed("mpp", options["mpp"], 0.25)
    region = None if options["region"] is None else Region(*options["region"])
    return cases_of_stack(read_stack(folder, region), z_step_um, mpp, options["truth"], options["pairs"])


def assumed(name: str, given: float | None, otherwise: float) -> float:
    """What was given for a stack, or a guess that is named."""
    if given is not None:
        return given
    click.echo(f"the {name} of the stack is not given; {otherwise:g} µm is assumed (--{name})", err=True)
    return otherwise


def _simulated(manifest: Path, options: dict[str, Any]) -> Iterable[Case]:
    from wsi_refocus.evaluation.simulated import simulated_cases
    from wsi_refocus.training.manifest import read_manifest

    return simulated_cases(
        read_manifest(manifest), options["split"], options["count"], options["offset_um"], options["seed"]
    )
