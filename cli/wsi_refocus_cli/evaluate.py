"""``wsi-refocus evaluate``: how good methods are where the truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wsi_refocus_cli.options import Numbers
from wsi_refocus_cli.stacks import opened, regions_of, scale_of

if TYPE_CHECKING:
    from pandas import DataFrame

    from wsi_refocus.evaluation.case import Case
    from wsi_refocus.evaluation.journal import Journal
    from wsi_refocus_cli.console import ConsoleProgress

FIELDS = 20
"""Fields of a slide that are looked at by default."""


@click.command()
@click.argument("source", metavar="MANIFEST|STACK")
@click.option(
    "--method",
    "methods",
    multiple=True,
    default=("joint", "tsva-lite"),
    show_default=True,
    help="Method to measure; give it again for another.",
)
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    metavar="METHOD=FILE",
    help="Weights of a method; again for more. The bundled ones by default.",
)
@click.option("--profile", help="Profile of the scanner, for methods that use one.")
@click.option("--z-step", "z_step_um", type=float, help="Distance in µm of a stack's planes, if it does not say.")
@click.option("--mpp", type=float, help="µm per pixel of a stack, if it does not say.")
@click.option("--region", type=Numbers("Y,X,H,W", int), help="Part of a stack, in pixels.")
@click.option(
    "--fields",
    type=click.IntRange(min=1),
    help="Fields of 512 × 512 pixels of a stack that are looked at; 20 of a slide by default.",
)
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
@click.option("--trust", is_flag=True, help="Whether the evidence of tiles can be believed; of one method.")
@click.option("--workers", type=click.IntRange(min=0), default=1, show_default=True, help="Processes that simulate.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder for scores, table and pictures.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but the table.")
def command(
    source: str, methods: tuple[str, ...], checkpoints: tuple[str, ...], profile: str | None, output: Path | None,
    quiet: bool, **options: Any,
) -> None:  # fmt: skip
    """Measure methods against the truth, beside both shots and their mean.

    STACK is a real focal stack: a folder with one image a plane, or a slide of at least three planes, which is divided
    into fields. The sharpest plane is the truth of all pairs of planes around it. Planes are numbered from the lowest.
    MANIFEST is a table (.csv) of in-focus images with columns file, group, mpp and split: shots are simulated of them.
    With --output, an interrupted evaluation is continued by the same command. With --trust, tiles are judged as by
    `run`, and it is measured whether what is believed of them is true.
    """
    from rich.console import Console

    from wsi_refocus.evaluation.journal import Journal
    from wsi_refocus.methods import MethodSpec, uses_profile
    from wsi_refocus_cli.console import ConsoleProgress, set_up_logging

    if options.pop("trust"):
        from wsi_refocus_cli.evaluate_trust import evaluate_trust

        return evaluate_trust(source, methods, _by_method(checkpoints, methods), profile, output, quiet, options)
    weights = _by_method(checkpoints, methods)
    specs = [
        MethodSpec(name, weights.get(name), profile=profile if uses_profile(name) else None)
        for name in dict.fromkeys(methods)
    ]
    console = Console(stderr=True)
    set_up_logging(0, quiet, console)
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
    journal = Journal(specs, None if output is None else output / "journal.jsonl")
    with ConsoleProgress(console, quiet) as progress:
        measure = _simulated if source.lower().endswith(".csv") else _stack
        text, table = measure(source, journal, output, progress, options)
    click.echo(text)
    if output is not None:
        (output / "table.md").write_text(text + "\n", encoding="utf-8")
        table.to_csv(output / "scores.csv", index=False)
    return None


def _by_method(checkpoints: tuple[str, ...], methods: tuple[str, ...]) -> dict[str, str]:
    """Checkpoints by the methods that they are for."""
    pairs = [each.partition("=") for each in checkpoints]
    for method, _, path in pairs:
        if not path or method not in methods:
            raise click.BadParameter(f"{method!r} is not METHOD=FILE with one of the methods {', '.join(methods)}")
    return {method: path for method, _, path in pairs}


def _stack(
    path: str, journal: Journal, output: Path | None, progress: ConsoleProgress, options: dict[str, Any]
) -> tuple[str, DataFrame]:
    from pandas import concat

    from wsi_refocus.evaluation.measuring import measure_stack
    from wsi_refocus.evaluation.pictures import draw_sheet
    from wsi_refocus.evaluation.stack import cases_of_stack, fields_in_focus
    from wsi_refocus.evaluation.table import by_case, by_distance

    tables: list[DataFrame] = []
    shown: list[Case] = []
    with opened(path, options["z_step_um"], options["mpp"]) as stack:
        regions = regions_of(stack, options["region"], options["fields"], FIELDS)
        z_um, mpp = scale_of(stack)
        alone = len(regions) == 1
        if not alone:
            progress.start("evaluate", len(regions), "fields")
        for field in fields_in_focus(stack, regions, options["truth"], options["pairs"]):
            cases = cases_of_stack(field.planes, z_um, mpp, field.truth, field.pairs, field.name)
            if alone:
                progress.start("evaluate", len(cases), "cases")
                tables.append(measure_stack(cases, journal, progress.advance, progress.resume))
            else:
                measured: list[int] = []
                tables.append(measure_stack(cases, journal, measured.append))
                (progress.advance if measured else progress.resume)(1)
            shown += cases[: 3 if alone else 1] if len(shown) < 3 else []
        progress.stop()
    table = concat(tables, ignore_index=True)
    if output is not None:
        draw_sheet(shown, journal.methods, output / "sheet.png")
    return by_case(table) if alone else by_distance(table), table


def _simulated(
    path: str, journal: Journal, output: Path | None, progress: ConsoleProgress, options: dict[str, Any]
) -> tuple[str, DataFrame]:
    from pandas import concat

    from wsi_refocus.evaluation.measuring import costs_of, measure_simulated
    from wsi_refocus.evaluation.pictures import draw_by_drift, draw_sheet
    from wsi_refocus.evaluation.simulated import BORDER, Protocol, entries_of, simulated_case
    from wsi_refocus.evaluation.table import by_drift, by_grid, by_method, by_offset, by_pixel_size
    from wsi_refocus.training.manifest import read_manifest

    entries = entries_of(read_manifest(Path(path)), options["split"])
    offsets = _offsets(options)
    tables = []
    for offset in offsets:
        protocol = Protocol(options["kind"], options["simulation"], offset, options["spread_um"], options["seed"])
        progress.start("evaluate", options["count"], "cases")
        arguments = (journal, BORDER, options["workers"], progress.advance, progress.resume)
        tables.append(measure_simulated(entries, protocol, options["count"], *arguments))
        progress.stop()
    table = concat(tables, ignore_index=True)
    if len(offsets) > 1:
        return by_offset(table), table
    if output is not None:
        draw_by_drift(table, output / "by_drift.png")
        cases = [simulated_case(entries, protocol, number) for number in range(3)]
        draw_sheet(cases, journal.methods, output / "sheet.png")
    if options["kind"] == "paper":
        return f"Paper protocol: at δ = ±0.5 µm one of the shots is the truth.\n\n{by_grid(table)}", table
    parts = [by_drift(table), by_method(table, costs_of(journal.methods)), by_pixel_size(table)]
    return "\n\n".join(filter(None, parts)), table


def _offsets(options: dict[str, Any]) -> list[float]:
    if options["offsets_um"] is None:
        return [options["offset_um"]]
    try:
        return [float(part) for part in options["offsets_um"].split(",")]
    except ValueError:
        raise click.BadParameter(f"{options['offsets_um']!r} is not of the form 0.5,0.75,1") from None
