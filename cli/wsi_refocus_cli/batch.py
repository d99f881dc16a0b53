"""``wsi-refocus batch``: refocus an archive of slides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wsi_refocus_cli.interruption import take_termination_as_interrupt
from wsi_refocus_cli.options import speaking_options
from wsi_refocus_cli.run_options import delivery_of, delivery_options, refocusing_options, working_options

if TYPE_CHECKING:
    from wsi_refocus.archive.collect import Collection
    from wsi_refocus.config import RunSettings


class Part(click.ParamType[tuple[int, int]]):
    """Which of how many, as ``3/20``."""

    name = "N/M"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Split and convert."""
        number, slash, count = str(value).partition("/")
        if not (slash and number.isdecimal() and count.isdecimal()):
            self.fail(f"{value!r} is not of the form {self.name}", param, ctx)
        return int(number), int(count)


@click.command()
@click.argument("names", nargs=-1, metavar="[FILE|GLOB|FOLDER|URL]...")
@click.option("--manifest", type=click.Path(), help="Table of slides (CSV or Parquet), with settings of their own.")
@click.option("-o", "--output", metavar="FOLDER|URL", help="Where results go; default: beside each slide.")
@click.option(
    "--pattern",
    default="{slide}_z{z}",
    show_default=True,
    help="Names of files that are one plane each, without ending.",
)
@click.option("--exclude", multiple=True, metavar="GLOB", help="Files to leave out; again for more.")
@click.option("--dry-run", is_flag=True, help="Say what would be done and what it takes; change nothing.")
@click.option("--ledger", type=click.Path(), help="Folder of the ledger; default: .wsi-refocus-batch in the output.")
@click.option("--job-array", type=Part(), help="Do the N-th of M parts: one of M jobs that do not talk.")
@click.option("--retries", type=int, default=2, show_default=True, help="How often a failed slide is tried again.")
@click.option("--shard-retries", type=int, default=2, show_default=True, help="The same for a shard of a slide.")
@click.option("--in-flight", type=click.IntRange(1), help="Slides in hand at once. Default: as many as keep all busy.")
@click.option(
    "--lease", type=click.FloatRange(10), default=120.0, show_default=True, metavar="SECONDS",
    help="Silence after which a slide is taken over from another machine.",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace results of other settings or other slides.")
@refocusing_options
@working_options
@delivery_options
@speaking_options
def command(
    names: tuple[str, ...], manifest: str | None, output: str | None, pattern: str, exclude: tuple[str, ...],
    dry_run: bool, ledger: str | None, job_array: tuple[int, int] | None, retries: int, shard_retries: int,
    in_flight: int | None, lease: float, as_json: bool, verbose: int, quiet: bool, **options: Any,
) -> None:  # fmt: skip
    """Refocus an archive of slides.

    Slides are named as files, patterns, folders that are searched, URLs, or in a manifest. Files of one plane each are
    paired by their names. What became of every slide is kept in a ledger: the same command goes on where it was
    stopped, and several of them, on one machine or many, share the work. Exit code 4 if any slide could not be done.
    """
    from rich.console import Console

    from wsi_refocus.archive.batch import BatchOptions, default_ledger, refocus_archive
    from wsi_refocus.archive.collect import collect
    from wsi_refocus.archive.ledger import Ledger
    from wsi_refocus.archive.overview.page import write_overview
    from wsi_refocus.archive.overview.table import summary_text
    from wsi_refocus.archive.sizes import part_of
    from wsi_refocus.config import make_settings
    from wsi_refocus.errors import FailedSlidesError
    from wsi_refocus_cli.archive_console import ArchiveConsole
    from wsi_refocus_cli.console import set_up_logging

    take_termination_as_interrupt()
    console = Console(stderr=True)
    set_up_logging(verbose, quiet, console)
    delivery = delivery_of(options)
    settings = make_settings(**options | {"limits": dict(options["limits"]), "retries": shard_retries})
    found = collect(names, manifest=manifest, output=output, pattern=pattern, exclude=exclude)
    entries = found.entries if job_array is None else tuple(part_of(found.entries, *job_array))
    if dry_run:
        _show_plan(found, settings, as_json)
        return
    book = Ledger(Path(ledger) if ledger is not None else default_ledger(found.entries, output))
    with ArchiveConsole(console, quiet) as display:
        records = refocus_archive(entries, BatchOptions(settings, delivery, retries, in_flight, lease), book, display)
    if not quiet and not as_json:
        click.echo(summary_text(records, found.refused))
    page = write_overview(book, book.folder.parent if ledger is None else book.folder, refused=found.refused)
    failed = [record for record in records if record.state != "done"]
    if as_json:
        counts = {"done": len(records) - len(failed), "failed": len(failed), "refused": len(found.refused)}
        click.echo(json.dumps(counts | {"overview": str(page), "ledger": str(book.folder)}))
    elif not quiet:
        click.echo(f"Overview: {page}")
    if failed or found.refused:
        raise FailedSlidesError(
            f"{len(failed)} of {len(records)} slides failed, and {len(found.refused)} were not used; "
            f"{page} says why, and the same command tries again"
        )


def _show_plan(found: Collection, settings: RunSettings, as_json: bool) -> None:
    from wsi_refocus.archive.batch import settings_of
    from wsi_refocus.archive.estimate import estimate, plan_text

    estimates, unusable = estimate(found.entries, lambda entry: settings_of(entry, settings))
    refused = [*found.refused, *unusable]
    if as_json:
        click.echo(
            json.dumps(
                {
                    "slides": [each.to_json() for each in estimates],
                    "refused": [{"names": each.names, "reason": each.reason} for each in refused],
                    "notes": found.notes,
                }
            )
        )
    else:
        click.echo(plan_text(estimates, refused, found.notes))
