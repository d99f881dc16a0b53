"""What the operating system refuses is told apart, by real refusals where a test can have them."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from wsi_refocus.errors import NoSpaceError, OutputError
from wsi_refocus.storage.refusals import refusal

NAMED = [
    (errno.ENOSPC, NoSpaceError, "disk is full"),
    (errno.EDQUOT, NoSpaceError, "quota is used up"),
    (errno.EFBIG, NoSpaceError, "ulimit -f"),
    (errno.EROFS, OutputError, "read-only"),
    (errno.EACCES, OutputError, "permission is denied"),
    (errno.ENAMETOOLONG, OutputError, "name is too long"),
    (errno.EMFILE, OutputError, "ulimit -n"),
    (errno.EIO, OutputError, "fails"),
    (errno.EBADF, OutputError, "Bad file descriptor"),
]


@pytest.mark.parametrize(("code", "kind", "says"), NAMED)
def test_refusals_are_told_apart(code: int, kind: type[OutputError], says: str) -> None:
    with pytest.raises(OSError) as caught:
        raise OSError(code, os.strerror(code))
    error = refusal("out", caught.value)
    assert type(error) is kind
    assert says in str(error) and str(error).startswith("out: ") and ";" in str(error) and "\n" not in str(error)


def test_a_file_in_the_place_of_a_folder_and_a_long_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for act, says in (
        (lambda: (tmp_path / "file" / "x").mkdir(), "a file lies where a folder should"),
        (lambda: (tmp_path / ("x" * 300)).write_text(""), "name is too long"),
    ):
        with pytest.raises(OSError) as caught:
            act()
        assert says in str(refusal("out", caught.value))
