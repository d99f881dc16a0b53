"""Tables that people write: manifests of an archive as CSV and Parquet, manifests of images, and optics profiles."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict

import pandas as pd

from fuzz.scratch import FOLDER, file_of
from wsi_refocus.archive.manifest import read_manifest as read_archive
from wsi_refocus.errors import RefocusError
from wsi_refocus.optics.profile import FORMAT, OpticsProfile
from wsi_refocus.training.manifest import read_manifest as read_images


def seeds() -> Iterator[bytes]:
    """One of each."""
    yield b'slide,second,z1,z2,mpp,output,planes,limits\nseed,,-1,1,0.5,out.ome.zarr,"0,1",chi2=30 gain=0\n'
    yield "slide;method\nseed;mean\nß;joint\n".encode()
    pd.DataFrame({"slide": ["seed"], "mpp": [0.5]}).to_parquet(FOLDER / "seed.parquet")
    yield (FOLDER / "seed.parquet").read_bytes()
    yield b"file,group,mpp,split,source\nseed,a,0.5,train,x\nseed,b,0.25,test,y\n"
    yield json.dumps({"format": FORMAT, **asdict(OpticsProfile())}).encode()


def read(data: bytes) -> None:
    """Read a file as each."""
    if data[:4] == b"PAR1":
        with contextlib.suppress(RefocusError):
            read_archive(file_of(data, "table.parquet"))
        return
    path = file_of(data, "table.csv")
    for reader in (read_archive, read_images, OpticsProfile.read):
        with contextlib.suppress(RefocusError):
            reader(path)
