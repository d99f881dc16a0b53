"""How chunks are compressed: the names that a user gives, as zarr metadata of both formats."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Self, cast

from wsi_refocus.errors import UsageError

Version = Literal["0.5", "0.4"]
"""Version of OME-NGFF: 0.5 is zarr v3 with shards, 0.4 is zarr v2."""

Codec = Literal["zstd", "blosc", "gzip", "none"]


class _Levels(NamedTuple):
    default: int
    first: int
    last: int


# zstd 1: on H&E from JPEG within 1 % of the size of zstd 3 and blosc-zstd with bit shuffle, for half the time
_LEVELS = MappingProxyType(
    {
        "zstd": _Levels(1, 1, 22),
        "blosc": _Levels(1, 1, 9),
        "gzip": _Levels(1, 1, 9),
        "none": _Levels(0, 0, 0),
    }
)


@dataclass(frozen=True, slots=True)
class Compressor:
    """Codec of the chunks of an array; all of them are lossless.

    Attributes
    ----------
    codec : str
        ``zstd``, ``blosc`` (zstd after a bit shuffle), ``gzip`` or ``none``.
    level : int
        Effort: more is smaller and slower.
    """

    codec: Codec
    level: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a codec as it is written on the command line: ``CODEC`` or ``CODEC:LEVEL``.

        Raises
        ------
        UsageError
            If there is no such codec, or it has no such level.
        """
        name, colon, effort = text.strip().lower().partition(":")
        if name not in _LEVELS:
            raise UsageError(f"there is no compressor {text!r}; choose one of {', '.join(_LEVELS)}, as in zstd:3")
        levels = _LEVELS[name]
        if not colon:
            return cls(cast(Codec, name), levels.default)
        if name == "none":
            raise UsageError(f"compressor {text!r}: none has no level")
        if not effort.isdecimal() or not levels.first <= int(effort) <= levels.last:
            raise UsageError(
                f"compressor {text!r}: the level of {name} is a number from {levels.first} to {levels.last}"
            )
        return cls(cast(Codec, name), int(effort))

    def metadata(self, version: Version, itemsize: int = 1) -> dict[str, Any] | None:
        """Describe the codec as zarr does.

        Parameters
        ----------
        version
            Version of OME-NGFF.
        itemsize
            Bytes of an element of the array, for the bit shuffle.

        Returns
        -------
        dict or None
            Codec of zarr v3 for OME-NGFF 0.5, of zarr v2 for 0.4; None where nothing is compressed.
        """
        if self.codec == "none":
            return None
        if self.codec == "blosc":
            settings = {"cname": "zstd", "clevel": self.level, "blocksize": 0}
            if version == "0.4":
                return {"id": "blosc", "shuffle": 2, **settings}
            settings["typesize"] = itemsize
            return {"name": "blosc", "configuration": {"shuffle": "bitshuffle", **settings}}
        if version == "0.4":
            return {"id": self.codec, "level": self.level}
        checksum = {"checksum": False} if self.codec == "zstd" else {}
        return {"name": self.codec, "configuration": {"level": self.level, **checksum}}
