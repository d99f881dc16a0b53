"""What kind of file a checkpoint is, before any library is let near it."""

from __future__ import annotations

import os
from pathlib import Path

from wsi_refocus.errors import CheckpointError

MAX_HEADER_BYTES = 100_000_000


def refuse_other_kinds(path: Path) -> None:
    """Tell a file of another kind by its first bytes, and one cut short by its length.

    A safetensors file starts with the length of its header, eight bytes, little-endian; the header is JSON
    of at most 100 MB; see the format's own description.

    Raises
    ------
    CheckpointError
        If the file cannot be read or is no whole safetensors file.
    """
    try:
        with path.open("rb") as file:
            start = file.read(16)
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise CheckpointError(
            f"{path}: the checkpoint cannot be read ({error.strerror}); name a .safetensors file"
        ) from None
    header = int.from_bytes(start[:8], "little")
    if start[8:9] == b"{" and header <= MAX_HEADER_BYTES:
        if 8 + header > size:
            raise CheckpointError(f"{path}: the checkpoint is truncated; copy or download it again")
        return
    if start.startswith(b"PK") or (start[:1] == b"\x80" and start[1:2] <= b"\x05"):
        raise CheckpointError(
            f"{path}: this is a pickled PyTorch file, which could run any code and is never opened; "
            "use a .safetensors checkpoint of this project"
        )
    raise CheckpointError(
        f"{path}: this is no safetensors file, or one cut off at its start; "
        "use a .safetensors checkpoint of this project"
    )
