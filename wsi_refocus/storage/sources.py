"""What belongs to a slide: its file, or all the files that are read together with it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wsi_refocus.errors import SlideError
from wsi_refocus.storage.filesystems import filesystem_of, is_http
from wsi_refocus.storage.objects import tag_of
from wsi_refocus.storage.ranges import asked, first_piece
from wsi_refocus.storage.urls import is_remote, is_store_url, join, name_of, parent_of, public

_WITH_FOLDER = (".mrxs",)
"""Slides with a folder of the same name beside them."""
_WITH_SIBLINGS = (".vms", ".vmu", ".dcm")
"""Slides of several files that lie in one folder."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of a slide.

    Attributes
    ----------
    place : str
        Path or URL.
    name : str
        Path with slashes below the folder that a copy is made in.
    size : int
        Bytes.
    state : str
        What changes when the file does, without reading it: time or tag.
    """

    place: str
    name: str
    size: int
    state: str


@dataclass(frozen=True, slots=True)
class Source:
    """A slide as the files that it consists of.

    Attributes
    ----------
    path : str
        As the user names it.
    name : str
        What is opened, below the folder of a copy.
    files : tuple of SourceFile
        All of it.
    """

    path: str
    name: str
    files: tuple[SourceFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def key(self) -> str:
        """Name for a copy: another one for another slide, and when a file of it changed."""
        place = self.path if is_remote(self.path) else str(Path(self.path).resolve())
        state = "".join(f"{file.name}\0{file.size}\0{file.state}\0" for file in self.files)
        return "-".join(hashlib.sha256(text.encode()).hexdigest()[:16] for text in (place, state))


def source_of(path: str) -> Source | None:
    """Find the files of a slide, without opening it; None for an OME-Zarr on a web server, which cannot be listed.

    Parameters
    ----------
    path
        File, folder or URL.

    Raises
    ------
    SlideError
        If there is none, or some of its files cannot be found.
    """
    name = name_of(path)
    if is_store_url(path):
        return None if is_http(path) else Source(path, name, tuple(_listed(path, name)))
    ending = os.path.splitext(name)[1].lower()  # noqa: PTH122 - also of URLs
    if not is_remote(path):
        return Source(path, name, tuple(_local(path, name, ending)))
    if is_http(path) and ending in _WITH_FOLDER + _WITH_SIBLINGS:
        raise SlideError(
            f"{public(path)}: has further files beside it, which a web server does not list; copy all of them by hand"
        )
    if ending in _WITH_SIBLINGS:
        return Source(path, name, tuple(_listed(parent_of(path), "", maxdepth=1)))
    files = [_remote_file(path, name)]
    if ending in _WITH_FOLDER:
        stem = name[: -len(ending)]
        files += _listed(join(parent_of(path), stem), stem)
    return Source(path, name, tuple(files))


def _local(path: str, name: str, ending: str) -> Iterator[SourceFile]:
    place = Path(path)
    try:
        if place.is_dir():
            yield from _below(place, name)
            return
        others = sorted(place.parent.iterdir()) if ending in _WITH_SIBLINGS else [place]
        yield from (_local_file(file, file.name) for file in others if file.is_file())
        if not place.is_file():
            raise FileNotFoundError
        if ending in _WITH_FOLDER and place.with_suffix("").is_dir():
            yield from _below(place.with_suffix(""), place.stem)
    except FileNotFoundError:
        raise SlideError(f"{path}: there is no such file; check the path") from None
    except OSError as error:
        raise SlideError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error


def _below(folder: Path, name: str) -> Iterator[SourceFile]:
    for parent, folders, files in os.walk(folder, onerror=_raise):
        folders.sort()
        for file in (Path(parent) / each for each in sorted(files)):
            yield _local_file(file, f"{name}/{file.relative_to(folder).as_posix()}")


def _raise(error: OSError) -> None:
    raise error


def _local_file(file: Path, name: str) -> SourceFile:
    status = file.stat()
    return SourceFile(str(file), name, status.st_size, str(status.st_mtime_ns))


def _remote_file(url: str, name: str) -> SourceFile:
    piece = first_piece(url)
    if piece.size is None:
        raise SlideError(f"{public(url)}: its server does not say how large it is; download it by hand")
    return SourceFile(url, name, piece.size, piece.tag or hashlib.sha256(piece.data).hexdigest())


def _listed(url: str, name: str, **options: Any) -> Iterator[SourceFile]:
    """All files below a URL, by one listing."""
    filesystem, path = filesystem_of(url)
    found: dict[str, Any] = asked(lambda: filesystem.find(path, detail=True, **options), url)
    root = path.rstrip("/") + "/"
    below = {each.removeprefix(root): info for each, info in found.items() if each.startswith(root)}
    if not below:
        raise SlideError(f"{public(url)}: there is no such folder; check the address")
    for each, info in sorted(below.items()):
        yield SourceFile(join(url, each), f"{name}/{each}".lstrip("/"), int(info["size"]), str(tag_of(info)))
