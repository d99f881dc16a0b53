"""Requests for an object behind a URL, or a part of it: one request a call, checked for being whole and the same."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from wsi_refocus.errors import SlideError
from wsi_refocus.storage.failures import ChangedObjectError, status_of
from wsi_refocus.storage.filesystems import filesystem_of, is_http, is_s3
from wsi_refocus.storage.urls import public

LARGEST_WHOLE = 2**31
"""Bytes that are taken at once at most: a document or a chunk of a store, not a slide."""
_LOOK_SECONDS = 30
"""How long size and tag of an object count, where asking for them is a request of its own."""
_TAGS = ("ETag", "etag", "generation", "md5Hash", "content_md5", "mtime", "LastModified", "last_modified", "created")


@dataclass(frozen=True, slots=True)
class Piece:
    """What a server sent.

    Attributes
    ----------
    data : bytes
        What was asked for; empty if ``partial`` is false.
    size : int or None
        Bytes of the whole object, if the server says so.
    tag : str or None
        What changes when the object is replaced, if the server says so.
    partial : bool
        False if the server knows whole objects only, and would have sent all of a large one.
    whole : bool
        Whether ``data`` is all of the object.
    """

    data: bytes
    size: int | None
    tag: str | None
    partial: bool = True
    whole: bool = False


class RemoteObject(Protocol):
    """An object behind a URL."""

    def part(self, start: int, stop: int, tag: str | None = None) -> Piece:
        """Ask for the bytes from ``start`` to ``stop``; fewer at the end of the object.

        Raises
        ------
        ChangedObjectError
            If the object has not the ``tag`` any more.
        Exception
            What the file system raises.
        """
        ...

    def tail(self, count: int) -> Piece:
        """Ask for the last ``count`` bytes; as `part`."""
        ...

    def whole(self) -> Piece:
        """Ask for all bytes.

        Raises
        ------
        SlideError
            If there are more than `LARGEST_WHOLE`.
        Exception
            What the file system raises.
        """
        ...


def remote_object(url: str) -> RemoteObject:
    """Name an object; nothing is asked yet.

    Raises
    ------
    UsageError, MissingExtraError, SlideError
        As of `filesystem_of`.
    """
    filesystem, path = filesystem_of(url)
    if is_http(url):
        return _HttpObject(filesystem, path, url)
    if is_s3(url):
        return _S3Object(filesystem, path, url)
    return _AnyObject(filesystem, path, url)


@dataclass(frozen=True, slots=True)
class _HttpObject:
    """Asked by the web's own means, as fsspec would take all of an object from servers that know no ranges."""

    filesystem: Any
    path: str
    url: str

    def part(self, start: int, stop: int, tag: str | None = None) -> Piece:
        piece = self._asked(f"bytes={start}-{stop - 1}", stop)
        data = piece.data[start:stop] if piece.whole else piece.data
        return replace(_unchanged(piece, tag), data=data)

    def tail(self, count: int) -> Piece:
        piece = self._asked(f"bytes=-{count}", count)
        return replace(piece, data=piece.data[-count:])

    def whole(self) -> Piece:
        return self._asked(None, None)

    def _asked(self, wanted: str | None, most: int | None) -> Piece:
        from fsspec.asyn import sync  # type: ignore[import-untyped]

        piece: Piece = sync(self.filesystem.loop, self._ask, wanted, most)
        return piece

    async def _ask(self, wanted: str | None, most: int | None) -> Piece:
        """Ask for a range, of whose object at most so many bytes are taken if all of it is sent instead."""
        options = dict(self.filesystem.kwargs)
        headers = {**options.pop("headers", {}), "Accept-Encoding": "identity"}
        if wanted is not None:
            headers["Range"] = wanted
        session = await self.filesystem.set_session()
        async with session.get(self.filesystem.encode_url(self.path), headers=headers, **options) as answer:
            tag = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
            if answer.status == 416:
                return Piece(b"", _total(answer.headers.get("Content-Range")) or 0, tag)
            answer.raise_for_status()
            if answer.status == 206:
                data = await answer.read()
                return Piece(data, _total(answer.headers.get("Content-Range")), tag)
            size = answer.content_length
            if most is not None and (size is None or size > most):
                answer.close()  # else all of it would be waited for
                return Piece(b"", size, tag, partial=False)
            _require_bearable(size, self.url)
            data = await answer.content.read(-1) if size is not None else await _up_to(answer.content, self.url)
            return Piece(data, len(data), tag, whole=True)


@dataclass(frozen=True, slots=True)
class _S3Object:
    """Asked so that the server itself compares the tag."""

    filesystem: Any
    path: str
    url: str

    def part(self, start: int, stop: int, tag: str | None = None) -> Piece:
        wanted = {"Range": f"bytes={start}-{stop - 1}"}
        if tag is not None:
            wanted["IfMatch"] = tag
        return self._checked(wanted)

    def tail(self, count: int) -> Piece:
        return self._checked({"Range": f"bytes=-{count}"})

    def whole(self) -> Piece:
        return self._checked({})

    def _checked(self, wanted: dict[str, str]) -> Piece:
        from fsspec.asyn import sync

        try:
            piece: Piece = sync(self.filesystem.loop, self._ask, wanted)
        except Exception as error:  # those of botocore and of s3fs have no base in common
            if status_of(error) == 416:
                return Piece(b"", 0, None)
            if status_of(error) == 412:
                raise ChangedObjectError from error
            raise
        return piece

    async def _ask(self, wanted: dict[str, str]) -> Piece:
        bucket, key, _ = self.filesystem.split_path(self.path)
        version = parse_qs(urlsplit(self.url).query).get("versionId")
        if version:
            wanted = {**wanted, "VersionId": version[0]}
        answer = await self.filesystem._call_s3("get_object", self.filesystem.req_kw, Bucket=bucket, Key=key, **wanted)
        try:
            if "Range" not in wanted:
                _require_bearable(answer.get("ContentLength"), self.url)
            data = await answer["Body"].read()
        finally:
            answer["Body"].close()
        total = _total(answer.get("ContentRange"))
        return Piece(data, len(data) if total is None else total, answer.get("ETag"))


class _AnyObject:
    """Asked through what all file systems of fsspec can do; whether it is the same is asked now and then."""

    def __init__(self, filesystem: Any, path: str, url: str) -> None:
        self._filesystem, self._path, self._url = filesystem, path, url
        self._known: Piece | None = None
        self._asked_at = 0.0

    def part(self, start: int, stop: int, tag: str | None = None) -> Piece:
        known = _unchanged(self._look(), tag)
        if known.size is not None and start >= known.size:
            return known
        return Piece(self._filesystem.cat_file(self._path, start=start, end=stop), known.size, known.tag)

    def tail(self, count: int) -> Piece:
        known = self._look()
        if known.size is None:
            raise FileNotFoundError(self._path)
        return self.part(max(0, known.size - count), known.size)

    def whole(self) -> Piece:
        known = self._look()
        _require_bearable(known.size, self._url)
        data = self._filesystem.cat_file(self._path)
        return Piece(data, len(data), known.tag)

    def _look(self) -> Piece:
        now = time.monotonic()
        if self._known is None or now - self._asked_at > _LOOK_SECONDS:
            info = self._filesystem.info(self._path)
            if info.get("type") == "directory":
                raise FileNotFoundError(self._path)
            self._known, self._asked_at = Piece(b"", info.get("size"), tag_of(info)), now
        return self._known


def _unchanged(piece: Piece, tag: str | None) -> Piece:
    if tag is not None and piece.tag is not None and piece.tag != tag:
        raise ChangedObjectError
    return piece


def tag_of(info: dict[str, Any]) -> str | None:
    """What, of the description that a file system gives of an object, changes when it is replaced."""
    return next((str(info[name]) for name in _TAGS if info.get(name)), None)


def _total(content_range: str | None) -> int | None:
    """Size that the header Content-Range tells, as ``bytes 0-99/1234``."""
    total = (content_range or "").rpartition("/")[2].strip()
    return int(total) if total.isdigit() else None


def _require_bearable(size: int | None, url: str) -> None:
    if size is not None and size > LARGEST_WHOLE:
        raise SlideError(f"{public(url)}: has {size} bytes, more than can be taken at once; it is no part of a store")


async def _up_to(content: Any, url: str) -> bytes:
    data = bytearray()
    async for block in content.iter_chunked(2**20):
        data += block
        _require_bearable(len(data), url)
    return bytes(data)
