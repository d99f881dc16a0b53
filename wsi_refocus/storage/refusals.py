"""What an operating system refuses when files are written, told apart, with the way out of each."""

from __future__ import annotations

import errno

from wsi_refocus.errors import NoSpaceError, OutputError

_AGAIN = "run the same command again"
_FULL = {
    errno.ENOSPC: ("the disk is full", f"free some and {_AGAIN}"),
    errno.EDQUOT: ("the quota is used up", f"free some and {_AGAIN}"),
    errno.EFBIG: ("no file may grow this large here, by ulimit -f or the file system", f"raise the limit and {_AGAIN}"),
}
_ELSEWHERE = "choose another place"
_OTHERS = {
    errno.EROFS: ("the file system is read-only", _ELSEWHERE),
    errno.EACCES: ("permission is denied", f"{_ELSEWHERE}, or get the right to write there"),
    errno.EPERM: ("the operation is not permitted", f"{_ELSEWHERE}, or get the right to write there"),
    errno.ENAMETOOLONG: ("the name is too long for the file system", "choose a shorter one"),
    errno.EMFILE: ("too many files are open in this process", f"raise the limit (ulimit -n) and {_AGAIN}"),
    errno.ENFILE: ("too many files are open on this machine", f"{_AGAIN} when there are fewer"),
    errno.EIO: ("the disk or the way to it fails", f"check it and {_AGAIN}"),
    errno.ESTALE: ("the network file system lost it", _AGAIN),
    errno.EEXIST: ("a file lies where a folder should", _ELSEWHERE),
    errno.ENOTDIR: ("a file lies where a folder should", _ELSEWHERE),
    errno.ENOENT: ("its folder was taken away", _AGAIN),
}


def refusal(path: str, error: OSError) -> OutputError:
    """Error of one line for what the operating system refuses.

    Parameters
    ----------
    path
        What was being written.
    error
        What the operating system said.

    Returns
    -------
    OutputError
        A `NoSpaceError` where a disk or a quota is full, or a limit on the size of files is met.
    """
    if error.errno in _FULL:
        why, way_out = _FULL[error.errno]
        return NoSpaceError(f"{path}: no space left to write ({why}); {way_out}")
    why, way_out = _OTHERS.get(error.errno or 0, (error.strerror or str(error), _ELSEWHERE))
    return OutputError(f"{path}: cannot be written ({why}); {way_out}")
