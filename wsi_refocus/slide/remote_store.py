"""A Zarr store behind a URL, for reading: one request a chunk, none to list or to ask whether something is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest
from zarr.core.buffer import Buffer, BufferPrototype

from wsi_refocus.storage.folder import RemoteFolder

_DOCUMENTS = ("zarr.json", ".zgroup", ".zattrs", ".zarray", ".zmetadata")


class RemoteStore(Store):
    """Zarr store of a remote folder.

    Chunks that are absent are fill values, as Zarr has it; those that cannot be read are errors.

    Parameters
    ----------
    folder
        The folder.
    """

    supports_writes = False
    supports_deletes = False
    supports_listing = False

    def __init__(self, folder: RemoteFolder) -> None:
        super().__init__(read_only=True)
        self.folder = folder

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RemoteStore) and other.folder.url == self.folder.url

    def __hash__(self) -> int:
        return hash(self.folder.url)

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        """Read a document or a chunk; None if it is absent."""
        data = await asyncio.to_thread(self._read, key, byte_range)
        return None if data is None else prototype.buffer.from_bytes(data)

    def _read(self, key: str, byte_range: ByteRequest | None) -> bytes | None:
        if byte_range is None:
            document = key.rpartition("/")[2] in _DOCUMENTS
            return self.folder.find(key) if document else self.folder.read(key)
        if isinstance(byte_range, RangeByteRequest):
            return self.folder.read(key, byte_range.start, byte_range.end)
        if isinstance(byte_range, OffsetByteRequest):
            return self.folder.read(key, byte_range.offset)
        return self.folder.read(key, -byte_range.suffix)

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Read several parts, side by side."""
        return list(await asyncio.gather(*(self.get(key, prototype, part) for key, part in key_ranges)))

    async def exists(self, key: str) -> bool:
        """Whether there is such a document or chunk."""
        return await asyncio.to_thread(self._read, key, SuffixByteRequest(1)) is not None

    async def set(self, key: str, value: Buffer) -> None:
        """Refuse: it is for reading."""
        self._check_writable()

    async def delete(self, key: str) -> None:
        """Refuse: it is for reading."""
        self._check_writable()

    def list(self) -> AsyncIterator[str]:
        """Refuse: not all servers list what they have."""
        raise NotImplementedError("a remote store is not listed")

    def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Refuse; as `list`."""
        raise NotImplementedError("a remote store is not listed")

    def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Refuse; as `list`."""
        raise NotImplementedError("a remote store is not listed")
