"""``wsi-refocus train``: train a network as a file of settings says."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("config", metavar="CONFIG")
@click.option("--manifest", type=click.Path(), help="Table of in-focus images; default: what CONFIG names.")
@click.option("-o", "--output", type=click.Path(), help="Folder to work in; default: what CONFIG names.")
@click.option("--start", type=click.Path(), help="Checkpoint to start from.")
@click.option("--device", help="auto, cpu, cuda or cuda:N.")
@click.option("--threads", type=int, help="Threads that torch computes in.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def command(config: str, quiet: bool, **changes: str | int | None) -> None:
    """Train a network on simulated acquisitions of in-focus images.

    CONFIG is a TOML file, or one that comes with the package: burst-w16, paper, tsva-lite, tsva-w16, unet-w16. The
    manifest is a CSV file with columns file, group, mpp and split; only the split `train` is looked at, and some of its
    groups are held out to validate on. An interrupted training is continued by the same command. On several GPUs:
    torchrun --nproc-per-node N -m wsi_refocus_cli train CONFIG.
    """
    from rich.console import Console

    from wsi_refocus.training.config import load_settings
    from wsi_refocus.training.distributed import rank
    from wsi_refocus.training.finish import finish
    from wsi_refocus.training.fit import fit
    from wsi_refocus_cli.console import ConsoleProgress, set_up_logging

    given = {name: value for name, value in changes.items() if value is not None}
    settings = load_settings(config, given)
    quiet = quiet or rank() > 0  # one of several processes speaks for all
    console = Console(stderr=True)
    set_up_logging(0, quiet, console)
    with ConsoleProgress(console, quiet) as progress:
        progress.start("train", settings.steps, "steps")
        network = fit(settings, progress.advance, progress.resume)
        progress.stop()
    path = finish(network, settings) if rank() == 0 else None
    if not quiet and path is not None:
        click.echo(str(Path(path)))
