"""``wsi-refocus view``: look at a result."""

from __future__ import annotations

import time
import webbrowser
from pathlib import Path

import click


@click.command()
@click.argument("output", type=click.Path(path_type=Path), metavar="OUT")
@click.option("--serve", is_flag=True, help="Only serve the store, for other viewers, and print its address.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port of the store's server; 0 for a free one.")
@click.option("--no-browser", is_flag=True, help="Print the address instead of opening a browser.")
def command(output: Path, serve: bool, port: int, no_browser: bool) -> None:
    """Open a refocused slide in Neuroglancer.

    Layers: the result, both shots as they were captured, and what was decided and measured for every tile.
    Everything is served on this machine only, until Ctrl-C.
    """
    from rich.console import Console

    from wsi_refocus.viewing.neuroglancer import open_viewer
    from wsi_refocus.viewing.scene import served_scene
    from wsi_refocus_cli.console import set_up_logging

    set_up_logging(0, False, Console(stderr=True))
    with served_scene(output, port) as (_, scene):
        if serve:
            click.echo(f"Serving {output} at {scene.result}")
        else:
            viewer = open_viewer(scene)  # Neuroglancer forgets a viewer that nobody holds
            address = viewer.get_viewer_url()
            click.echo(f"Showing {output} at {address}")
            if not no_browser:
                webbrowser.open(address)
        click.echo("Stop with Ctrl-C.")
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            click.echo("")
