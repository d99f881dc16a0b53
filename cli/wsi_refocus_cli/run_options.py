"""Options of refocusing, which `run` and `batch` share."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from wsi_refocus_cli.options import NamedNumber, Numbers, reading_options

if TYPE_CHECKING:
    from wsi_refocus.archive.delivery import Delivery

Command = TypeVar("Command", bound=Callable[..., Any])

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


class Bytes(click.ParamType[int]):
    """A number of bytes, as ``200GB``."""

    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read number and unit; units are powers of 1000."""
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)B?", str(value).strip().upper())
        if match is None:
            self.fail(f"{value!r} is not a size such as 200GB", param, ctx)
        return int(float(match[1]) * _UNITS[match[2]])


def _added(command: Command, options: tuple[Callable[[Command], Command], ...]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command


def refocusing_options(command: Command) -> Command:
    """What decides the result."""
    options = (
        click.option(
            "--method",
            default="tsva-lite",
            show_default=True,
            help="tsva-lite, tsva, unet, burst, joint, wiener, richardson_lucy, edf, focus_map, dark_channel, "
            "graph_prior, mean or sharpest.",
        ),
        click.option("--checkpoint", type=click.Path(), help="Weights (.safetensors) of the method; default: bundled."),
        click.option("--profile", type=click.Path(), help="Optics profile of the scanner (wsi-refocus calibrate)."),
        reading_options,
        click.option("--resample", type=float, metavar="UM", help="Refocus and write at this many µm per pixel."),
        click.option(
            "--no-tissue-mask", "tissue_mask", is_flag=True, flag_value=False, default=True,
            help="Refocus the background too.",
        ),
        click.option("--tile", type=int, default=1024, show_default=True, help="Edge in pixels of the method's tiles."),
        click.option(
            "--ngff", type=click.Choice(["0.5", "0.4"]), default="0.5", show_default=True, help="OME-NGFF version."
        ),
        click.option(
            "--compressor", default="zstd", show_default=True, help="Codec of the chunks, as zstd:3, blosc, gzip, none."
        ),
        click.option(
            "--policy",
            type=click.Choice(["keep-sharper", "flag", "off"]),
            default="keep-sharper",
            show_default=True,
            help="What is done with tiles whose evidence is against them: the sharper shot is written, or they are "
            "marked.",
        ),
        click.option(
            "--uncertainty",
            type=click.Choice(["subset", "full"]),
            default="subset",
            show_default=True,
            help="How much is predicted again, turned: a square of every tile, or all of it (eight times the work).",
        ),
        click.option(
            "--limit", "limits", type=NamedNumber(), multiple=True,
            help="Limit of the evidence (docs/trust.md); again for another.",
        ),
        click.option("--phase", is_flag=True, help="Write a map of the optical phase, too: an image of its own."),
    )  # fmt: skip
    return _added(command, options)


def working_options(command: Command) -> Command:
    """Where and how the work is done."""
    options = (
        click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True),
        click.option(
            "--precision", type=click.Choice(["auto", "full", "half"]), default="auto", show_default=True,
            help="Networks in half precision where that is faster; auto: on CPUs only if within a grey level.",
        ),
        click.option("--workers", type=int, help="Worker processes; 0 works in this process."),
        click.option("--threads", type=int, help="Shards in hand at once in each worker."),
        click.option("--scheduler", metavar="ADDRESS", help="Use an existing Dask scheduler, as tcp://host:8786."),
        click.option("--tls-ca-file", type=click.Path(), help="Certificate authority of a scheduler at tls://."),
        click.option("--tls-cert", type=click.Path(), help="Certificate of this program, for the same."),
        click.option("--tls-key", type=click.Path(), help="Its key."),
        click.option(
            "--cluster", type=click.Choice(["local", "slurm", "pbs", "lsf", "sge"]),
            help="Start workers as jobs of this batch system (docs/hpc.md).",
        ),
        click.option("--cluster-config", type=click.Path(), metavar="FILE", help="Queue, time, memory ... (TOML)."),
        click.option("--adapt", type=Numbers("MIN,MAX", int), help="Start and end jobs as there is work."),
        click.option(
            "--shard-timeout", type=float, metavar="SECONDS",
            help="Time after which a shard is taken to hang. Default: by the others.",
        ),
    )  # fmt: skip
    return _added(command, options)


def delivery_options(command: Command) -> Command:
    """What is done with slides and results beside refocusing."""
    options = (
        click.option("--scratch", type=click.Path(), metavar="DIR", help="Copy slides to this fast folder first."),
        click.option("--scratch-size", type=Bytes(), help="Most bytes to keep there, as 200GB."),
        click.option("--export", type=click.Choice(["ome-tiff"]), help="Write a pyramidal OME-TIFF, too."),
        click.option("--export-only", is_flag=True, help="Keep the OME-TIFF, not the OME-Zarr."),
        click.option(
            "--export-compression", type=click.Choice(["jpeg", "deflate"]), default="jpeg", show_default=True,
            help="Of the OME-TIFF.",
        ),
        click.option("--export-quality", type=click.IntRange(1, 100), default=90, show_default=True, help="Of JPEG."),
    )  # fmt: skip
    return _added(command, options)


def begin_early(slide: str, options: dict[str, Any]) -> None:
    """Let workers begin to import before this process itself does, if there is a slide and it will have workers."""
    elsewhere = options["scheduler"] or options["cluster"] or options["workers"] == 0
    if elsewhere or not ("://" in slide or Path(slide).exists()):
        return
    from wsi_refocus.methods import uses_gpu
    from wsi_refocus.pipeline import head_start

    head_start.begin(with_torch=uses_gpu(options["method"]))


def delivery_of(options: dict[str, Any]) -> Delivery:
    """Take the delivery's options out of those of a command."""
    from wsi_refocus.archive.delivery import Delivery

    return Delivery(
        options.pop("scratch"),
        options.pop("scratch_size"),
        options.pop("export"),
        options.pop("export_only"),
        options.pop("export_compression"),
        options.pop("export_quality"),
    )
