"""``wsi-refocus import-jiang``: make the data set of Jiang et al. 2018 ready for training."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option("--defocus-offset", "offset_um", type=float, default=0.5, show_default=True, metavar="UM", help="ΔD.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of drifts and split.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def command(folder: Path, output: Path, offset_um: float, seed: int, quiet: bool) -> None:
    """Cut the data set of Jiang et al. 2018 into fields: `train CONFIG --manifest FOLDER` learns from them.

    DIR holds s{n}_l{m}/Seg{k}_defocus{nm}.jpg, 41 planes a tile. As in the paper: distances made absolute by a drift
    of N(0, 1 µm) by tile, 224 × 224 pixels, 85 % for training.
    """
    from rich.console import Console

    from wsi_refocus.network.dual_plane import Guesses
    from wsi_refocus.training.jiang import find_tiles, import_jiang
    from wsi_refocus_cli.console import ConsoleProgress

    with ConsoleProgress(Console(stderr=True), quiet) as progress:
        progress.start("import", len(find_tiles(folder)), "tiles")
        train, validation = import_jiang(folder, output, Guesses(), offset_um, seed, progress.advance)
        progress.stop()
    if not quiet:
        click.echo(f"{output}: {train} fields to train on, {validation} to validate on")
