"""What an unfinished output remembers, so that the same command goes on where the last one stopped."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsi_refocus.errors import OutputError
from wsi_refocus.geometry import Region
from wsi_refocus.pipeline.give_back import load_rims, save_rims

FOLDER = ".wsi-refocus"


class Journal:
    """Folder inside an unfinished output: the run's record, and one small file for every finished shard.

    A shard's file is written after all its arrays, whole or not at all, by the one worker that has the
    shard. Workers on other machines need nothing but the output's file system.

    Parameters
    ----------
    output
        Folder of the output.
    """

    def __init__(self, output: str | Path) -> None:
        self.folder = Path(output) / FOLDER

    @property
    def exists(self) -> bool:
        """Whether the output is one that a run has begun and not finished."""
        return self._run.is_file()

    @property
    def _run(self) -> Path:
        return self.folder / "run.json"

    def begin(self, record: dict[str, Any]) -> None:
        """Write the run's record; from here on the run can be resumed."""
        with _explained(self.folder):
            for name in ("shards", "rims", "precisions"):  # what an earlier run left, whose removal was interrupted
                shutil.rmtree(self.folder / name, ignore_errors=True)
            (self.folder / "shards").mkdir(parents=True, exist_ok=True)
            _write_whole(self._run, record)

    def renew(self, record: dict[str, Any]) -> None:
        """Write the run's record anew, when its slide is read from another place than before."""
        with _explained(self.folder):
            _write_whole(self._run, record)

    def record(self) -> dict[str, Any]:
        """Read the run's record.

        Raises
        ------
        OutputError
            If it is missing or damaged.
        """
        try:
            loaded: dict[str, Any] = json.loads(self._run.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise OutputError(
                f"{self._run}: the record of the unfinished run cannot be read ({error}); start anew with --overwrite"
            ) from None
        return loaded

    def finish_shard(self, iy: int, ix: int, cells: list[dict[str, Any]]) -> None:
        """Remember a shard as written, with the rows of its cells."""
        with _explained(self.folder):
            _write_whole(self.folder / "shards" / f"{iy}_{ix}.json", cells)

    def finished_shards(self) -> set[tuple[int, int]]:
        """Shards that need no more work."""
        names = (path.stem.split("_") for path in (self.folder / "shards").glob("*.json"))
        return {(int(iy), int(ix)) for iy, ix in names}

    def cells(self) -> list[dict[str, Any]]:
        """Rows of all cells written so far, in the order of the shards."""
        return [row for index in sorted(self.finished_shards()) for row in self.cells_of(*index)]

    def cells_of(self, iy: int, ix: int) -> list[dict[str, Any]]:
        """Rows of the cells of one written shard."""
        path = self.folder / "shards" / f"{iy}_{ix}.json"
        rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        return rows

    def note_precision(self, precision: str) -> None:
        """Remember what a worker multiplies; workers of one run may differ in it."""
        with _explained(self.folder):
            folder = self.folder / "precisions"
            folder.mkdir(exist_ok=True)
            (folder / precision).touch()

    def precisions(self) -> list[str]:
        """All that was noted."""
        return sorted(path.name for path in (self.folder / "precisions").glob("*"))

    def keep_rims(self, iy: int, ix: int, region: Region, refocused: NDArray[np.uint8]) -> None:
        """Remember the border of a shard as it was refocused.

        Parameters
        ----------
        iy, ix, region
            The shard, and its pixels.
        refocused
            All of them, shape (height, width, 3).
        """
        with _explained(self.folder):
            save_rims(self._rims(iy, ix), region, refocused)

    def rims(self, iy: int, ix: int) -> Mapping[str, NDArray[np.uint8]]:
        """What `keep_rims` kept, by side."""
        return load_rims(self._rims(iy, ix))

    def _rims(self, iy: int, ix: int) -> Path:
        return self.folder / "rims" / f"{iy}_{ix}.npz"

    def remove(self) -> None:
        """Forget the run, once the output is finished."""
        shutil.rmtree(self.folder)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs away from this output; released with the process, however it ends.

        Raises
        ------
        OutputError
            If another run is at work on it.
        """
        with _explained(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            handle = (self.folder / "lock").open("w")
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise OutputError(
                    f"{self.folder.parent}: another run is writing this output; wait for it or choose another -o"
                ) from None
            yield


@contextlib.contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{folder.parent}: cannot be written ({error.strerror}); choose another output with -o"
        ) from None


def _write_whole(path: Path, content: object) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps(content, allow_nan=True), encoding="utf-8")
    temporary.replace(path)
