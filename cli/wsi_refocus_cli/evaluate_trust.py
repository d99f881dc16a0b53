"""``wsi-refocus evaluate --trust``: whether what is believed of tiles is true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wsi_refocus_cli.interruption import take_termination_as_interrupt
from wsi_refocus_cli.stacks import opened, regions_of, scale_of

if TYPE_CHECKING:
    from pandas import DataFrame

    from wsi_refocus.methods import MethodSpec
    from wsi_refocus.trust.judge import TrustSpec
    from wsi_refocus_cli.console import ConsoleProgress

FIELDS = 4
"""Fields of a slide that are looked at by default."""


def evaluate_trust(
    source: str, methods: Sequence[str], weights: Mapping[str, str], profile: str | None, output: Path | None,
    quiet: bool, options: dict[str, Any],
) -> None:  # fmt: skip
    """Judge tiles whose truth is known, print what was right, and write rows and pictures into a folder.

    Parameters
    ----------
    source
        Manifest of images to simulate of, or a real focal stack.
    methods
        Methods of ``--method``; the last one is judged.
    weights, profile
        Checkpoints by method, and the profile of a scanner.
    output
        Folder for rows and pictures; None for none.
    quiet
        Whether to print nothing but the tables.
    options
        All other options of the command.
    """
    from rich.console import Console

    from wsi_refocus.methods import MethodSpec, is_trained, make_method, uses_profile, weights_of
    from wsi_refocus.trust.bound import calibration_beside
    from wsi_refocus.trust.judge import TrustSpec
    from wsi_refocus_cli.console import ConsoleProgress, set_up_logging

    take_termination_as_interrupt()
    console = Console(stderr=True)
    set_up_logging(0, quiet, console)
    name = methods[-1]
    spec = MethodSpec(name, weights.get(name), profile=profile if uses_profile(name) else None)
    bound = None
    if is_trained(name):
        calibration = calibration_beside(weights_of(spec), make_method(spec).checkpoint_sha256)
        bound = calibration.sha256
        if calibration.note:
            click.echo(f"{calibration.note}: tiles are judged by the limits of the evidence alone", err=True)
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
    with ConsoleProgress(console, quiet) as progress:
        measure = _simulated if source.lower().endswith(".csv") else _stack
        text, table = measure(source, spec, TrustSpec(bound=bound), output, progress, options)
    click.echo(text)
    if output is not None:
        (output / "trust.md").write_text(text + "\n", encoding="utf-8")
        table.to_csv(output / "trust.csv", index=False)


def _simulated(
    path: str, spec: MethodSpec, trust: TrustSpec, output: Path | None, progress: ConsoleProgress,
    options: dict[str, Any],
) -> tuple[str, DataFrame]:  # fmt: skip
    from wsi_refocus.evaluation.journal import Journal
    from wsi_refocus.evaluation.simulated import entries_of
    from wsi_refocus.evaluation.trust import jobs_of, judged_jobs
    from wsi_refocus.evaluation.trust_pictures import draw_bait, draw_nuclei, draw_risk
    from wsi_refocus.evaluation.trust_table import trust_report
    from wsi_refocus.training.manifest import read_manifest

    entries = entries_of(read_manifest(Path(path)), options["split"])
    journal = Journal([spec], None if output is None else output / "trust.jsonl")
    jobs = jobs_of(options["count"])
    progress.start("judge", len(jobs), "tiles")
    seed, workers = options["seed"], options["workers"]
    table = judged_jobs(entries, jobs, spec, trust, journal, seed, workers, progress.advance, progress.resume)
    progress.stop()
    if output is not None:
        draw_risk(table, output / "risk.png")
        draw_nuclei(entries, spec, seed, output / "nuclei.png")
        draw_bait(entries, spec, seed, output / "bait.png")
    return trust_report(table), table


def _stack(
    path: str, spec: MethodSpec, trust: TrustSpec, output: Path | None, progress: ConsoleProgress,
    options: dict[str, Any],
) -> tuple[str, DataFrame]:  # fmt: skip
    from pandas import concat

    from wsi_refocus.evaluation.stack import cases_of_stack, fields_in_focus
    from wsi_refocus.evaluation.trust import judged_stack
    from wsi_refocus.evaluation.trust_table import stack_report

    with opened(path, options["z_step_um"], options["mpp"]) as stack:
        z_um, mpp = scale_of(stack)
        tables = []
        for field in fields_in_focus(
            stack,
            regions_of(stack, options["region"], options["fields"], FIELDS),
            options["truth"],
            options["pairs"],
        ):
            cases = cases_of_stack(field.planes, z_um, mpp, field.truth, field.pairs, field.name)
            progress.start("judge", len(cases), "pairs of planes")
            for case in cases:
                tables.append(judged_stack([case], spec, trust))
                progress.advance(1)
            progress.stop()
    table = concat(tables, ignore_index=True)
    return stack_report(table), table
