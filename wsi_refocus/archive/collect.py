"""The slides of an archive, from what the user named."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wsi_refocus.archive.entry import Entry, Refused
from wsi_refocus.archive.inputs import find_files
from wsi_refocus.archive.manifest import read_manifest
from wsi_refocus.archive.pairs import Slide, pair_up
from wsi_refocus.archive.pattern import DEFAULT_PATTERN, NamePattern
from wsi_refocus.archive.places import folder_of, inside
from wsi_refocus.errors import UsageError
from wsi_refocus.pipeline.prepare import SUFFIX
from wsi_refocus.storage.urls import is_remote


@dataclass(frozen=True, slots=True)
class Collection:
    """The slides of an archive.

    Attributes
    ----------
    entries : tuple of Entry
        What can be refocused.
    refused : tuple of Refused
        What was named or found and cannot be used.
    notes : tuple of str
        What was passed over.
    """

    entries: tuple[Entry, ...]
    refused: tuple[Refused, ...]
    notes: tuple[str, ...] = ()


def collect(
    names: Sequence[str],
    *,
    manifest: str | Path | None = None,
    output: str | None = None,
    pattern: str = DEFAULT_PATTERN,
    exclude: Sequence[str] = (),
) -> Collection:
    """Collect the slides of an archive.

    Parameters
    ----------
    names
        Files, patterns of files, folders to search, URLs.
    manifest
        Table of slides; see `read_manifest`.
    output
        Folder or URL for the results, in which the tree of a searched folder is kept; by default each result lies
        beside its slide.
    pattern
        Names of files that are one plane each; see `NamePattern`.
    exclude
        Patterns of paths or names to leave out.

    Returns
    -------
    Collection
        The slides, in the order of their files.

    Raises
    ------
    UsageError
        If the manifest or the pattern is wrong, or nothing was named.
    """
    if not names and manifest is None:
        raise UsageError("name files, folders, URLs or a --manifest")
    found = find_files(names, exclude)
    slides, refused = pair_up(found.files, NamePattern(pattern))
    entries = [_entry(slide, None, found.files[slide.files[0]], output, refused) for slide in slides]
    if manifest is not None:
        rows, missing = read_manifest(Path(manifest))
        refused += missing
        entries += [_entry(slide, place, None, output, refused) for slide, place in rows]
    kept = _without_clashes([entry for entry in entries if entry is not None], refused)
    return Collection(tuple(kept), tuple(found.refused + refused), tuple(found.notes()))


def _entry(
    slide: Slide, place: str | None, root: str | None, output: str | None, refused: list[Refused]
) -> Entry | None:
    first, second = slide.files[0], slide.files[1] if len(slide.files) == 2 else None
    if place is None and output is None and is_remote(first):
        refused.append(
            Refused(slide.files, "has no folder for its result beside it; name one with -o or in a manifest")
        )
        return None
    if place is None:
        name = slide.name + SUFFIX
        if output is None:
            place = str(Path(first).parent / name)
        else:
            beneath = "" if root is None else os.path.relpath(folder_of(first), root)
            place = inside(output, name if beneath in ("", ".") else f"{beneath}/{name}")
    return Entry(first, second, place, slide.options, slide.origin)


def _without_clashes(entries: Sequence[Entry], refused: list[Refused]) -> list[Entry]:
    """Leave out slides whose results would be written over one another, or over a slide."""
    sources = {_place(path) for entry in entries for path in entry.files}
    at: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        at[_place(entry.output)].append(entry)
    kept: list[Entry] = []
    for place, same in at.items():
        files = tuple(dict.fromkeys(path for entry in same for path in entry.files))
        if len(same) > 1:
            refused.append(Refused(files, f"would be written to {place} {len(same)} times; name outputs in a manifest"))
        elif place in sources or any(source.startswith(f"{place}/") for source in sources):
            refused.append(Refused(files, f"would be written over a slide, to {place}; name another output"))
        else:
            kept += same
    return kept


def _place(path: str) -> str:
    """Path or URL in the one way to write it."""
    return path.rstrip("/") if is_remote(path) else os.path.realpath(path)
