"""``wsi-refocus calibrate-bound``: a bound of the error for a network's weights."""

from __future__ import annotations

from pathlib import Path

import click

from wsi_refocus_cli.interruption import take_termination_as_interrupt


@click.command()
@click.argument("manifest", type=click.Path(path_type=Path))
@click.option("--method", default="tsva-lite", show_default=True, help="Network that the bound is for.")
@click.option("--checkpoint", help="Its weights (.safetensors); default: the bundled ones.")
@click.option("--count", type=click.IntRange(min=200), default=980, show_default=True, help="Simulated tiles.")
@click.option("--workers", type=click.IntRange(min=0), default=2, show_default=True, help="Processes.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File; default: beside the weights, as .bound.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def command(
    manifest: Path, method: str, checkpoint: str | None, count: int, workers: int, output: Path | None,
    quiet: bool,
) -> None:  # fmt: skip
    """Calibrate the bound of the error that goes with a network's weights.

    MANIFEST is a table (.csv) of in-focus images, as for training. Tiles are simulated of the groups of its split
    `train`: from half of them it is learned how evidence and error go together, and from the other half how far the
    bound has to lie below the prediction. Put beside the weights, `run` finds and uses it. Interrupted, the same
    command goes on.
    """
    from rich.console import Console

    from wsi_refocus.errors import UsageError
    from wsi_refocus.evaluation.bounding import calibrated_bound, tiles_of
    from wsi_refocus.evaluation.journal import Journal
    from wsi_refocus.methods import MethodSpec, is_trained, weights_of
    from wsi_refocus.ngff.files import explained
    from wsi_refocus.training.manifest import read_manifest
    from wsi_refocus.trust.bound import SUFFIX
    from wsi_refocus_cli.console import ConsoleProgress, set_up_logging

    if not is_trained(method):
        raise UsageError(f"the method {method} has no weights that a bound could be calibrated for")
    take_termination_as_interrupt()
    console = Console(stderr=True)
    set_up_logging(0, quiet, console)
    spec = MethodSpec(method, checkpoint)
    output = output or weights_of(spec).with_suffix(SUFFIX)
    journal = Journal([spec], output.with_name(f"{output.name}.jsonl"))
    entries = read_manifest(manifest)
    with ConsoleProgress(console, quiet) as progress:
        progress.start("simulate", count, "tiles")
        tiles = tiles_of(entries, count, spec, journal, workers, progress.advance, progress.resume)
        progress.stop()
    bound = calibrated_bound(tiles, entries, spec)
    with explained(output):
        bound.write(output)
    if not quiet:
        psnr, gain = bound.quantiles
        click.echo(
            f"{output}: for {bound.facts['checkpoint']}; the bounds lie {psnr:.2f} and {gain:.2f} spreads below the "
            "predicted PSNR and gain."
        )
