"""The files of a calibration: made aside, and put in place together when they are worth it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from wsi_refocus.errors import OutputError
from wsi_refocus.ngff.files import PARTIAL, explained
from wsi_refocus.optics.profile import OpticsProfile

WEIGHTS, CARD = ".safetensors", ".md"
"""Endings of the weights beside a profile, and of their card."""


@contextmanager
def made_aside(output: Path) -> Iterator[Path]:
    """Folder beside a profile in which its files are made; it goes with all that was not put in place.

    Parameters
    ----------
    output
        Profile to write.

    Raises
    ------
    OutputError
        If nothing can be written there.
    """
    if output.suffix in (WEIGHTS, CARD):
        raise OutputError(f"{output}: {output.suffix} is for what lies beside a profile; choose a .json with -o")
    if output.is_dir():
        raise OutputError(f"{output}: is a folder, not a file; choose a .json with -o")
    if not output.absolute().parent.is_dir():
        raise OutputError(f"{output}: its folder does not exist; make it first")
    with explained(output):
        folder = TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.", suffix=PARTIAL)
    with folder as name:
        yield Path(name)


def put_in_place(profile: OpticsProfile, folder: Path, output: Path) -> None:
    """Put a profile in place, after the weights that it names, so that it is never there without them.

    Parameters
    ----------
    profile
        The profile.
    folder
        Where its weights and their card lie.
    output
        Profile to write, beside that folder.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    made = folder / output.name
    profile.write(made)
    with explained(output):
        if profile.weights:
            weights = output.with_name(profile.weights)
            for ending in (WEIGHTS, CARD):
                (folder / weights.name).with_suffix(ending).replace(weights.with_suffix(ending))
        made.replace(output)
