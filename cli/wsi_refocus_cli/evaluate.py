"""``wsi-refocus evaluate``: how good methods are where the truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wsi_refocus_cli.options import Numbers

if TYPE_CHECKING:
    from pandas import DataFrame

    from wsi_refocus.methods import MethodSpec
    from wsi_refocus_cli.console import ConsoleProgress


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
@click.option("--profile", help="Profile of the scanner, for the methods joint and tsva.")
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
    "--protocol",
    "kind",
    type=click.Choice(["honest", "paper"]),
    default="honest",
    show_default=True,
    help="honest: drifts as they occur. paper: on a grid of 0.5 µm, on which a shot can be the truth.",
)
@click.option(
    "--simulation",
    type=click.Choice(["full", "planar"]),
    default="full",
    show_default=True,
    help="full: a scanner with phase. planar: the paper's eq. 1 and a grey level of noise.",
)
@click.option(
    "--defocus-offset",
    "offset_um",
    type=float,
    default=0.75,
    show_default=True,
    metavar="UM",
    help="ΔD of the simulated shots.",
)
@click.option("--sweep-offset", "offsets_um", metavar="UM,UM,…", help="Several ΔD: which is best for these drifts?")
@click.option(
    "--drift-spread",
    "spread_um",
    type=float,
    default=1.0,
    show_default=True,
    metavar="UM",
    help="Standard deviation of the simulated drifts.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the simulation.")
@click.option("--workers", type=click.IntRange(min=0), default=1, show_default=True, help="Processes that simulate.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder for scores, table and pictures.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but the table.")
def command(
    source: Path, methods: tuple[str, ...], checkpoint: str | None, profile: str | None, output: Path | None,
    quiet: bool, **options: Any,
) -> None:  # fmt: skip
    """Measure methods against the truth, beside both shots and their mean.

    FOLDER is a real focal stack, one image a plane: its sharpest plane is the truth of all pairs of planes around it.
    MANIFEST is a table of in-focus images with columns file, group, mpp and split: shots are simulated of them. With
    --output, an interrupted evaluation is continued by the same command.
    """
    from rich.console import Console

    from wsi_refocus.methods import MethodSpec
    from wsi_refocus_cli.console import ConsoleProgress, set_up_logging

    specs = [
        MethodSpec(
            name,
            checkpoint=checkpoint if name == "tsva" else None,
            profile=profile if name in ("tsva", "joint", "wiener", "richardson_lucy") else None,
        )
        for name in dict.fromkeys(methods)
    ]
    console = Console(stderr=True)
    set_up_logging(0, quiet, console)
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
    with ConsoleProgress(console, quiet) as progress:
        measure = _stack if source.is_dir() else _simulated
        text, table = measure(source, specs, output, progress, options)
    click.echo(text)
    if output is not None:
        (output / "table.md").write_text(text + "\n", encoding="utf-8")
        table.to_csv(output / "scores.csv", index=False)


def _stack(
    folder: Path, specs: list[MethodSpec], output: Path | None, progress: ConsoleProgress, options: dict[str, Any]
) -> tuple[str, DataFrame]:
    from wsi_refocus.evaluation.measuring import measure_stack
    from wsi_refocus.evaluation.pictures import draw_sheet
    from wsi_refocus.evaluation.stack import cases_of_stack, read_stack
    from wsi_refocus.evaluation.table import by_case
    from wsi_refocus.geometry import Region

    z_step_um, mpp = assumed("z-step", options["z_step_um"], 0.5), assumed("mpp", options["mpp"], 0.25)
    region = None if options["region"] is None else Region(*options["region"])
    cases = cases_of_stack(read_stack(folder, region), z_step_um, mpp, options["truth"], options["pairs"])
    progress.start("evaluate", len(cases), "cases")
    table = measure_stack(cases, specs, progress.advance)
    progress.stop()
    if output is not None:
        draw_sheet(cases[:3], specs, output / "sheet.png")
    return by_case(table), table


def assumed(name: str, given: float | None, otherwise: float) -> float:
    """What was given for a stack, or a guess that is named."""
    if given is not None:
        return given
    click.echo(f"the {name} of the stack is not given; {otherwise:g} µm is assumed (--{name})", err=True)
    return otherwise


def _simulated(
    manifest: Path, specs: list[MethodSpec], output: Path | None, progress: ConsoleProgress, options: dict[str, Any]
) -> tuple[str, DataFrame]:
    from pandas import concat

    from wsi_refocus.evaluation.measuring import costs_of, measure_simulated
    from wsi_refocus.evaluation.pictures import draw_by_drift, draw_sheet
    from wsi_refocus.evaluation.simulated import BORDER, Protocol, entries_of, simulated_case
    from wsi_refocus.evaluation.table import by_drift, by_grid, by_method
    from wsi_refocus.training.manifest import read_manifest

    entries = entries_of(read_manifest(manifest), options["split"])
    journal = None if output is None else output / "journal.jsonl"
    offsets = _offsets(options)
    tables = []
    for offset in offsets:
        protocol = Protocol(options["kind"], options["simulation"], offset, options["spread_um"], options["seed"])
        progress.start("evaluate", options["count"], "cases")
        arguments = (specs, BORDER, journal, options["workers"], progress.advance, progress.resume)
        tables.append(measure_simulated(entries, protocol, options["count"], *arguments))
        progress.stop()
    table = concat(tables, ignore_index=True)
    if len(offsets) > 1:
        return _by_offset(table), table
    if output is not None:
        draw_by_drift(table, output / "by_drift.png")
        draw_sheet([simulated_case(entries, protocol, number) for number in range(3)], specs, output / "sheet.png")
    if options["kind"] == "paper":
        return f"Paper protocol: at δ = ±0.5 µm one of the shots is the truth.\n\n{by_grid(table)}", table
    return f"{by_drift(table)}\n\n{by_method(table, costs_of(specs))}", table


def _offsets(options: dict[str, Any]) -> list[float]:
    if options["offsets_um"] is None:
        return [options["offset_um"]]
    try:
        return [float(part) for part in options["offsets_um"].split(",")]
    except ValueError:
        raise click.BadParameter(f"{options['offsets_um']!r} is not of the form 0.5,0.75,1") from None


def _by_offset(table: DataFrame) -> str:
    from wsi_refocus.evaluation.table import names_of

    names = names_of(table)
    rows = [["ΔD, µm", *names], ["---"] * (len(names) + 1)]
    for offset, part in table.groupby("offset_um"):
        rows.append([f"{offset:g}", *(f"{part[f'psnr {name}'].mean():.2f}" for name in names)])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
