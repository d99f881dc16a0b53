"""``wsi-refocus view``: look at a result."""

from __future__ import annotations

import time
import webbrowser
from pathlib import Path

import click

LAST_PORT = 65534


@click.command()
@click.argument("output", type=click.Path(path_type=Path), metavar="OUT")
@click.option("--serve", is_flag=True, help="Only serve the store, for other viewers, and print its address.")
@click.option(
    "--port",
    type=click.IntRange(0, LAST_PORT),
    default=0,
    help="Port of the store's server; Neuroglancer takes the next one. By default, free ones.",
)
@click.option("--no-browser", is_flag=True, help="Print the address instead of opening a browser.")
def command(output: Path, serve: bool, port: int, no_browser: bool) -> None:
    """Open a refocused slide in Neuroglancer.

    Layers: the result, both shots as they were captured, and what was decided and measured for every tile.
    Everything is served on this machine only, until Ctrl-C.
    """
    from rich.console import Console

    from wsi_refocus.viewing.scene import served_scene, served_store
    from wsi_refocus_cli.console import set_up_logging

    set_up_logging(0, False, Console(stderr=True))
    if serve:
        with served_store(output, port) as address:
            _wait(f"Serving {output} at {address}")
        return
    from wsi_refocus.viewing.neuroglancer import legend, open_viewer

    with served_scene(output, port) as scene:
        viewer = open_viewer(scene, port + 1 if port else 0)  # Neuroglancer forgets a viewer that nobody holds
        address = viewer.get_viewer_url()
        if not no_browser:
            webbrowser.open(address)
        _wait("\n".join([f"Showing {output} at {address}", *legend(scene)]))


def _wait(message: str) -> None:
    """Say where the slide is shown, and stay until Ctrl-C."""
    try:
        click.echo(f"{message}\nStop with Ctrl-C.")
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        click.echo("")
