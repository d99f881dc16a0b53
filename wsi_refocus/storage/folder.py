"""A folder behind a URL, of which only files with known names are read: nothing is ever listed."""

from __future__ import annotations

from wsi_refocus.storage.failures import is_denied, is_missing
from wsi_refocus.storage.objects import Piece, RemoteObject, remote_object
from wsi_refocus.storage.ranges import asked, unreadable
from wsi_refocus.storage.retries import retried
from wsi_refocus.storage.urls import join, require_public


class RemoteFolder:
    """A folder behind a URL. Reading is safe from several threads at once.

    Parameters
    ----------
    url
        URL that fsspec knows, without credentials.

    Attributes
    ----------
    url : str
        As given.
    denied : bool
        Whether access to a file was denied that was asked for by `find`.

    Raises
    ------
    UsageError
        If the URL carries credentials.
    """

    def __init__(self, url: str) -> None:
        require_public(url)
        self.url = url
        self.denied = False
        self._tags: dict[str, str] = {}

    def find(self, name: str) -> bytes | None:
        """Read a file of which it is not known whether it is there; None if it is not.

        A bucket that may not be listed says of what is missing that access is denied, which therefore counts as
        missing, and is kept in `denied`.

        Raises
        ------
        SlideError
            If the server cannot be reached.
        """
        url = join(self.url, name)
        try:
            return retried(remote_object(url).whole, url).data
        except Exception as error:  # file systems raise errors of many libraries, which have no base in common
            if is_missing(error):
                return None
            if is_denied(error):
                self.denied = True
                return None
            raise unreadable(url, error) from error

    def read(self, name: str, start: int | None = None, stop: int | None = None) -> bytes | None:
        """Read a file or a part of it; None if there is none.

        Parameters
        ----------
        name
            Path below the folder.
        start, stop
            First byte, and the one after the last; a negative ``start`` alone counts from the end.

        Raises
        ------
        SlideError
            If the server cannot be reached, denies access, or the file was replaced since a part of it was read.
        """
        url = join(self.url, name)
        there = remote_object(url)

        def ask() -> Piece | None:
            try:
                return self._ask(there, name, start, stop)
            except Exception as error:
                if is_missing(error):
                    return None
                raise

        piece = asked(ask, url)
        if piece is None:
            return None
        if not piece.partial:
            raise unreadable(url, ValueError("its server cannot send parts of a file"))
        if start is not None and piece.tag is not None:
            self._tags[name] = piece.tag
        return piece.data

    def _ask(self, there: RemoteObject, name: str, start: int | None, stop: int | None) -> Piece:
        tag = self._tags.get(name)
        if start is None:
            return there.whole()
        if start < 0:
            return there.tail(-start)
        if stop is not None:
            return there.part(start, stop, tag)
        return there.part(start, 2**62, tag)
