"""The least that a conversion can take: decode both planes of a slide, compress one as the output is, and nothing else.

Run as ``python -m benchmarks.floor SLIDE``; prints the seconds of the work itself, without imports and start-up.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tifffile
from numcodecs.zstd import Zstd

LEVELS = 5
_here = threading.local()


def main() -> None:
    """Work on as many tiles at once as there are cores."""
    slide = sys.argv[1]
    began = time.perf_counter()
    with tifffile.TiffFile(slide) as tiff:
        tiles = len(tiff.pages[0].dataoffsets)  # type: ignore[union-attr]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        size = sum(pool.map(lambda index: _tile(slide, index), range(tiles)))
    print(f"{time.perf_counter() - began:.3f} {size}")


def _tile(slide: str, index: int) -> int:
    """Bytes that the tile of one plane takes in all levels, once that of both planes was decoded."""
    if getattr(_here, "tiff", None) is None:
        _here.tiff, _here.codec = tifffile.TiffFile(slide), Zstd(level=1)
    decoded = []
    for page in _here.tiff.pages[:2]:
        _here.tiff.filehandle.seek(page.dataoffsets[index])
        data = _here.tiff.filehandle.read(page.databytecounts[index])
        decoded.append(page.decode(data, index, jpegtables=page.jpegtables)[0][0])
    planes = np.ascontiguousarray(decoded[0].transpose(2, 0, 1))
    return sum(
        len(_here.codec.encode(np.ascontiguousarray(planes[:, :: 2**level, :: 2**level]))) for level in range(LEVELS)
    )


if __name__ == "__main__":
    main()
