"""A slide of an archive, and what of an archive cannot be used."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from wsi_refocus.storage.urls import is_remote, name_of


@dataclass(frozen=True)
class Entry:
    """A slide that is to be refocused.

    Attributes
    ----------
    slide : str
        File, folder or URL.
    second : str or None
        Second file of a pair.
    output : str
        Folder or URL of its result.
    options : mapping
        Fields of `wsi_refocus.config.RunSettings` that it has for itself.
    origin : str
        Why it is one: how it was named, or what made a pair of two files.
    """

    slide: str
    second: str | None
    output: str
    options: Mapping[str, Any] = field(default_factory=dict)
    origin: str = "named"

    @cached_property
    def key(self) -> str:
        """Name of its own, for people and file systems: the slide's, and a hash of all paths."""
        paths = [each if is_remote(each) else str(Path(each).absolute()) for each in (*self.files, self.output)]
        digest = hashlib.sha256("\n".join(paths).encode("utf-8", "surrogateescape")).hexdigest()[:10]
        stem = re.sub(r"[^A-Za-z0-9._+-]+", "_", name_of(self.slide)).strip("._")[:60] or "slide"
        return f"{stem}-{digest}"

    @property
    def files(self) -> tuple[str, ...]:
        """Its one or two files."""
        return (self.slide,) if self.second is None else (self.slide, self.second)

    def to_json(self) -> dict[str, Any]:
        """All fields, for a record."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Refused:
    """Files that were named or found, and that no slide could be made of.

    Attributes
    ----------
    names : tuple of str
        The files.
    reason : str
        Why, and what to do.
    """

    names: tuple[str, ...]
    reason: str
