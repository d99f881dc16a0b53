"""Which files are slides by themselves, and which two belong together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from wsi_refocus.archive.acquisition import Look, look_into
from wsi_refocus.archive.dicom import is_dicom, look_at_series
from wsi_refocus.archive.entry import Refused
from wsi_refocus.archive.pattern import NamePattern, PlaneName, stem_of
from wsi_refocus.archive.places import folder_of
from wsi_refocus.archive.suffixes import SLIDE_SUFFIXES
from wsi_refocus.errors import RefocusError
from wsi_refocus.storage.urls import name_of

_LOOKING = 8
"""Files that are opened at once to see how many planes they have."""
_NO_PARTNER = "has one plane, and no file is its second by name ({}) or metadata; give another --pattern or a manifest"


@dataclass(frozen=True, slots=True)
class Slide:
    """One or two files that are a slide.

    Attributes
    ----------
    files : tuple of str
        The files, of a pair the lower plane first if the heights are known.
    origin : str
        What says so.
    options : dict
        What is known of them: ``z_um``.
    name : str
        What its result is named after.
    """

    files: tuple[str, ...]
    origin: str
    options: dict[str, Any] = field(default_factory=dict)
    name: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", stem_of(self.files[0]))


@dataclass(frozen=True, slots=True)
class _Sorted:
    """Slides and refused files so far."""

    slides: list[Slide] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


def pair_up(files: Iterable[str], pattern: NamePattern) -> tuple[list[Slide], list[Refused]]:
    """Make slides of files: by their names, by their planes, by their metadata. What is ambiguous is refused.

    Two files of one folder whose names differ in the plane alone are a pair. Every other file is looked into: one
    of several planes is a slide; files of one plane are a pair if their OME-XML names the same image, or their DICOM
    headers the same specimen, and different heights. A file that cannot be opened is taken for a slide if its name
    ends like one, so that its run says what is wrong with it.

    Parameters
    ----------
    files
        Paths and URLs.
    pattern
        Names of files that are one plane each.

    Returns
    -------
    slides : list of Slide
        In the order of their files.
    refused : list of Refused
    """
    paths = list(files)
    looks, refused = look_at_series(path for path in paths if is_dicom(path))
    result = _Sorted(refused=refused)
    alone: list[str] = []
    named: dict[Hashable, dict[str, PlaneName]] = defaultdict(dict)
    for path in paths:
        if is_dicom(path) and path not in looks:
            continue  # another file stands for its series
        name = pattern.read(path)
        if name is None:
            alone.append(path)
        else:
            named[folder_of(path), name.slide][path] = name
    for group in named.values():
        if len(group) == 1:
            alone.extend(group)
        else:
            heights = {path: (name.plane if name.z_um is None else name.z_um) for path, name in group.items()}
            _pair(heights, f"their names ({pattern.text})", next(iter(group.values())).slide, result)
    with ThreadPoolExecutor(_LOOKING) as pool:
        unseen = [path for path in alone if path not in looks]
        looks |= dict(zip(unseen, pool.map(look_into, unseen), strict=True))
    _pair_by_content({path: looks[path] for path in alone}, pattern, result)
    return sorted(result.slides, key=lambda slide: slide.files), result.refused


def _pair_by_content(looks: dict[str, Look | RefocusError], pattern: NamePattern, result: _Sorted) -> None:
    acquisitions: dict[Hashable, dict[str, Look]] = defaultdict(dict)
    for path, look in looks.items():
        if isinstance(look, RefocusError):
            if PurePosixPath(name_of(path)).suffix.lower() in SLIDE_SUFFIXES:
                result.slides.append(Slide((path,), "it could not be looked into"))
            else:
                result.refused.append(Refused((path,), str(look).removeprefix(f"{path}: ")))
        elif look.planes > 1:
            result.slides.append(Slide((path,), f"its {look.planes} planes"))
        elif look.acquisition is None or look.z_um is None:
            acquisitions[path][path] = look
        else:  # of DICOM, every series may have a folder of its own
            folder = None if is_dicom(path) else folder_of(path)
            acquisitions[folder, look.acquisition][path] = look
    for group in acquisitions.values():
        if len(group) == 1:
            result.refused.append(Refused(tuple(group), _NO_PARTNER.format(pattern.text)))
        else:
            source = next(iter(group.values())).source
            _pair({path: look.z_um for path, look in group.items()}, f"their {source}", "", result)


def _pair(heights: dict[str, Any], origin: str, name: str, result: _Sorted) -> None:
    """Make a pair of two files at different heights; refuse whatever else it is."""
    files = tuple(sorted(heights, key=lambda path: (heights[path], path)))
    if len(files) > 2:
        reason = f"are {len(files)} files of one slide by {origin}; name the two to use in a manifest"
        result.refused.append(Refused(files, reason))
    elif len(set(heights.values())) < 2:
        reason = f"are the same plane ({heights[files[0]]}) of one slide by {origin}; leave one out with --exclude"
        result.refused.append(Refused(files, reason))
    else:
        z_um = tuple(heights[path] for path in files)
        known = all(isinstance(z, float) for z in z_um)
        result.slides.append(Slide(files, origin, {"z_um": z_um} if known else {}, name))
