"""A file behind a URL as random-access bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from wsi_refocus.errors import RefocusError, SlideError
from wsi_refocus.storage.failures import ChangedObjectError, is_denied, is_missing, is_transient, reason
from wsi_refocus.storage.objects import Piece, remote_object
from wsi_refocus.storage.retries import TRIES, retried
from wsi_refocus.storage.urls import public

T = TypeVar("T")

BLOCK = 2**18
"""Bytes that are asked for when a file is opened; its first directories are among them."""


class RemoteFile:
    """A file behind a URL: each reading is one request for a range. Reading is safe from several threads at once.

    Size, tag and first bytes come with one request, and every later one makes sure that it is still the same file.

    Parameters
    ----------
    url
        URL that fsspec knows, without credentials.

    Attributes
    ----------
    size : int
        Bytes.
    tag : str or None
        What the server says changes with the content.

    Raises
    ------
    SlideError
        If there is none, it cannot be reached, or its server cannot send parts of it.
    UsageError
        If the URL carries credentials.
    MissingExtraError
        If the URL needs a package that is not installed.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._object = remote_object(url)
        self.size = -1  # not known yet
        self.tag: str | None = None
        first = self._part(0, BLOCK)
        if not first.partial or first.size is None:
            raise SlideError(
                f"{public(url)}: its server cannot send parts of a file; copy the slide first, by --scratch DIR"
            )
        self.size, self.tag = first.size, first.tag
        self._first = first.data

    def read_at(self, offset: int, count: int) -> bytes:
        """Read ``count`` bytes from ``offset`` on; fewer at the end of the file.

        Raises
        ------
        SlideError
            If the server cannot be reached, or the file is another than when it was opened.
        """
        stop = min(offset + count, self.size)
        if offset >= stop:
            return b""
        if stop <= len(self._first):
            return self._first[offset:stop]
        return self._part(offset, stop).data

    def _part(self, start: int, stop: int) -> Piece:
        def ask() -> Piece:
            piece = self._object.part(start, stop, self.tag)
            if piece.partial and piece.size is not None and len(piece.data) != max(0, min(stop, piece.size) - start):
                raise ConnectionError("the answer is shorter or longer than what was asked for")
            return piece

        piece = asked(ask, self.url)
        if piece.size is not None and self.size not in (-1, piece.size):
            raise unreadable(self.url, ChangedObjectError())
        return piece


def first_piece(url: str) -> Piece:
    """First bytes of a file with its size and tag, also from servers that know whole files only.

    Raises
    ------
    SlideError, UsageError, MissingExtraError
        As of `RemoteFile`.
    """
    there = remote_object(url)
    return asked(lambda: there.part(0, BLOCK), url)


def asked(ask: Callable[[], T], url: str) -> T:
    """Make a request, again where that may help.

    Raises
    ------
    SlideError
        If it fails.
    """
    try:
        return retried(ask, url)
    except RefocusError:
        raise
    except Exception as error:  # file systems raise errors of many libraries, which have no base in common
        raise unreadable(url, error) from error


def unreadable(url: str, error: BaseException) -> SlideError:
    """Error of one line for what cannot be read from a server.

    Parameters
    ----------
    url
        What was asked for; shown without anything secret.
    error
        What the last try brought.
    """
    place, why = public(url), reason(error)
    if isinstance(error, ChangedObjectError):
        return SlideError(f"{place}: was replaced by another file while it was read; run again when it stays the same")
    if is_missing(error):
        return SlideError(f"{place}: there is no such file; check the address")
    if is_denied(error):
        return SlideError(
            f"{place}: {why}; check the address and the credentials of this machine (AWS_PROFILE, ~/.aws; "
            "FSSPEC_S3_ANON=true for public buckets; ~/.netrc for web servers)"
        )
    tried = f" after {TRIES} tries" if is_transient(error) else ""
    return SlideError(f"{place}: cannot be read{tried} ({why}); check the address and the network, and run again")
