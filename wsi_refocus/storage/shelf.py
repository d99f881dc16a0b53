"""Slots for copies in a folder that processes share: locked, counted and emptied without a race.

Beside ``KEY/`` with the files of a copy and ``copy.json``, which names them, lie ``KEY.lock``, which its users hold
in common and its maker alone, ``KEY.partial/`` while it is made, and ``KEY.bytes``, what it will take. Slots are
taken and emptied only under the lock of the whole folder, which is never held for long.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from wsi_refocus.errors import NoSpaceError, RefocusError
from wsi_refocus.storage.refusals import refusal

logger = logging.getLogger(__name__)

_RECORD = "copy.json"


@dataclass(slots=True)
class Slot:
    """Place of a copy, held by a lock.

    Attributes
    ----------
    key : str
        Name of the copy.
    folder : Path
        Where it is when it is whole.
    lock : file
        Open file that holds the lock: with others if the copy is ready, else alone.
    ready : bool
        Whether the copy is there.
    """

    key: str
    folder: Path
    lock: IO[str]
    ready: bool

    @property
    def files(self) -> Path:
        """Folder of the files."""
        return self.folder / "files"

    @property
    def unfinished(self) -> Path:
        """Folder of the files while they are copied."""
        return self.folder.with_suffix(".partial") / "files"

    def release(self) -> None:
        """Let others empty it, now or when room is needed."""
        if not self.ready:
            shutil.rmtree(self.folder.with_suffix(".partial"), ignore_errors=True)
            self.folder.with_suffix(".bytes").unlink(missing_ok=True)
        self.lock.close()


class Shelf:
    """All slots of a folder.

    Parameters
    ----------
    folder
        The folder; made if needed.

    Raises
    ------
    OutputError
        If it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with self._explained():
            folder.mkdir(parents=True, exist_ok=True)

    def take(self, sizes: Mapping[str, int], limit: int | None) -> dict[str, Slot] | None:
        """Take a slot for each of some copies, and make room for those that are not there; all of them or none.

        Parameters
        ----------
        sizes
            Bytes by key.
        limit
            Most bytes of all copies together; None for no limit but the disk's.

        Returns
        -------
        dict or None
            Slots by key; None if others are making one of them, or use what would have to go.

        Raises
        ------
        NoSpaceError
            If the disk has too little room, and nothing is left to be removed.
        OutputError
            If the folder cannot be written.
        """
        with self._explained(), self._alone(), contextlib.ExitStack() as undo:
            slots: dict[str, Slot] = {}
            for key in sizes:
                slot = self._slot(key)
                if slot is None:
                    return None
                undo.callback(slot.release)
                slots[key] = slot
            missing = {key: size for key, size in sizes.items() if not slots[key].ready}
            if not self._make_room(sum(missing.values()), limit, slots):
                return None
            for key, size in missing.items():
                slots[key].folder.with_suffix(".bytes").write_text(str(size))
            undo.pop_all()
            return slots

    def finish(self, slot: Slot, files: Mapping[str, int], of: str) -> None:
        """Declare a copy whole: from now on it is shared.

        Parameters
        ----------
        slot
            Its slot.
        files
            Bytes by name.
        of
            What was copied, for people who look.
        """
        with self._explained(), self._alone():
            record = {"of": of, "files": dict(files)}
            (slot.unfinished.parent / _RECORD).write_text(json.dumps(record, ensure_ascii=False))
            slot.unfinished.parent.replace(slot.folder)
            slot.folder.with_suffix(".bytes").unlink(missing_ok=True)
            fcntl.flock(slot.lock, fcntl.LOCK_SH)
            slot.ready = True

    def _slot(self, key: str) -> Slot | None:
        """Lock a slot with others if its copy is whole, else alone; None if that cannot be had now."""
        folder = self.folder / key
        lock = folder.with_suffix(".lock").open("a")
        os.utime(lock.fileno())  # when it was used last
        ready = _is_whole(folder)
        if not _locked(lock, fcntl.LOCK_SH if ready else fcntl.LOCK_EX):
            lock.close()
            return None
        if not ready:
            _remove(folder)
        return Slot(key, folder, lock, ready)

    def _make_room(self, needed: int, limit: int | None, taken: Mapping[str, Slot]) -> bool:
        """Remove copies until there is room for so many bytes more; False if what is in use leaves too little."""
        if not needed:
            return True
        promised = self._promised(taken)
        copies = {key: _bytes_of(self.folder / key) for key in self._keys() if (self.folder / key).is_dir()}
        removable = sorted(copies.keys() - taken.keys(), key=lambda key: self._lock_of(key).stat().st_mtime)
        used, in_use = sum(copies.values()) + promised, promised > 0
        while True:
            free = shutil.disk_usage(self.folder).free - promised
            if free >= needed and (limit is None or used + needed <= limit):
                return True
            if not removable:
                break
            key = removable.pop(0)
            if self._emptied(key):
                used -= copies[key]
            else:
                in_use = True
        if in_use:
            return False
        raise NoSpaceError(
            f"{self.folder}: no space left to copy a slide of {needed / 1e9:.3g} GB ({free / 1e9:.3g} GB are free); "
            "free some, or name another folder with --scratch"
        )

    def _promised(self, taken: Mapping[str, Slot]) -> int:
        """Bytes of copies that others are making; what the dead left behind is removed."""
        total = 0
        for key in self._keys() - taken.keys():
            folder = self.folder / key
            if folder.is_dir():
                continue
            with self._lock_of(key).open("a") as lock:
                if _locked(lock, fcntl.LOCK_EX):
                    _remove(folder)
                    self._lock_of(key).unlink()
                else:
                    total += _number(folder.with_suffix(".bytes"))
        return total

    def _emptied(self, key: str) -> bool:
        with self._lock_of(key).open("a") as lock:
            if not _locked(lock, fcntl.LOCK_EX):
                return False
            logger.info("%s: a copy makes room for another", self.folder / key)
            _remove(self.folder / key)
            self._lock_of(key).unlink()
            return True

    def _keys(self) -> set[str]:
        return {lock.stem for lock in self.folder.glob("*.lock")}

    def _lock_of(self, key: str) -> Path:
        return self.folder / f"{key}.lock"

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        with (self.folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except RefocusError:
            raise
        except OSError as error:
            raise refusal(str(self.folder), error) from error


def _locked(lock: IO[str], how: int) -> bool:
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _record_of(folder: Path) -> dict[str, int]:
    """Bytes by name of the files of a copy; empty if there is none."""
    try:
        files = json.loads((folder / _RECORD).read_text())["files"]
        return {str(name): int(size) for name, size in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _is_whole(folder: Path) -> bool:
    record = _record_of(folder)
    try:
        return bool(record) and all((folder / "files" / name).stat().st_size == size for name, size in record.items())
    except OSError:
        return False


def _bytes_of(folder: Path) -> int:
    return sum(_record_of(folder).values())


def _number(file: Path) -> int:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return 0


def _remove(folder: Path) -> None:
    """Remove a copy, whole or not, so that half of it never looks whole."""
    partial = folder.with_suffix(".partial")
    if partial.exists():
        shutil.rmtree(partial)
    if folder.exists():
        folder.replace(partial)
        shutil.rmtree(partial)
    folder.with_suffix(".bytes").unlink(missing_ok=True)
