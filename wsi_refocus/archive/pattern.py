"""Names of files that are one slide in two planes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from wsi_refocus.errors import UsageError
from wsi_refocus.storage.urls import name_of

DEFAULT_PATTERN = "{slide}_z{z}"
_FIELDS = {"slide": r"(?P<slide>.+?)", "z": r"(?P<z>[+-]?\d+(?:\.\d+)?)", "plane": r"(?P<plane>[A-Za-z0-9]+)"}
_ENDINGS = (".ome.tiff", ".ome.tif", ".ome.zarr")


@dataclass(frozen=True, slots=True)
class PlaneName:
    """What the name of a file says.

    Attributes
    ----------
    slide : str
        The part that both files of a slide share.
    plane : str
        The part in which they differ.
    z_um : float or None
        The height in µm that it states.
    """

    slide: str
    plane: str
    z_um: float | None


class NamePattern:
    """A pattern of names without their endings: ``{slide}`` is shared, ``{z}`` a height in µm or ``{plane}`` a word.

    Parameters
    ----------
    text
        Such as ``{slide}_z{z}`` or ``{slide}-{plane}``.

    Raises
    ------
    UsageError
        If it has no ``{slide}``, or not one of ``{z}`` and ``{plane}``.

    Examples
    --------
    >>> NamePattern("{slide}_z{z}").read("case7_z-0.75.svs")
    PlaneName(slide='case7', plane='-0.75', z_um=-0.75)
    """

    def __init__(self, text: str) -> None:
        parts = re.split(r"(\{[^{}]*\})", text)
        fields = [part[1:-1] for part in parts if part.startswith("{")]
        if sorted(fields) not in (["slide", "z"], ["plane", "slide"]):
            raise UsageError(
                f"--pattern {text}: has to hold {{slide}} and one of {{z}} and {{plane}}, as {DEFAULT_PATTERN}"
            )
        self.text = text
        self._regex = re.compile("".join(_FIELDS[p[1:-1]] if p.startswith("{") else re.escape(p) for p in parts))

    def read(self, path: str) -> PlaneName | None:
        """Read the name of a file; None if it is not of this pattern."""
        match = self._regex.fullmatch(stem_of(path))
        if match is None:
            return None
        found = match.groupdict()
        if "z" in found:
            return PlaneName(found["slide"], found["z"], float(found["z"]))
        return PlaneName(found["slide"], found["plane"], None)


def stem_of(path: str) -> str:
    """Name of a file or URL without its ending, ``.ome.tiff`` and the like being one ending."""
    name = name_of(path)
    for ending in (*_ENDINGS, PurePosixPath(name).suffix.lower()):
        # a height is no ending: case_z-0.75
        if not ending[1:].isdecimal() and name.lower().endswith(ending):
            return name[: len(name) - len(ending)]
    return name
