"""Running a reader of dangerous input in a process that must survive it, in little memory and time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

MEMORY = 3 * 2**30
"""Address space in bytes: libraries and threads take up to 2 GiB of it, bombs would take more."""
SECONDS = 20
_CHILD = """
import json, resource, sys
from wsi_refocus.errors import RefocusError
from wsi_refocus.geometry import Region
from wsi_refocus.slide.open import open_slide
resource.setrlimit(resource.RLIMIT_AS, ({memory}, {memory}))
for path in json.loads(sys.argv[1]):
    try:
        with open_slide(path) as slide:
            for plane in slide.info.planes[:2]:
                size = slide.info.size
                slide.read_region(plane.index, 0, Region(0, 0, min(64, size.height), min(64, size.width)))
            for name in slide.info.associated:
                slide.read_associated(name)
        print(json.dumps("read"))
    except RefocusError as error:
        print(json.dumps(f"refused: {{error}}"))
"""


def read_contained(*paths: Path) -> list[str]:
    """Open slides and read some pixels of each, under limits of memory and time.

    Returns
    -------
    list of str
        ``read`` or ``refused: …`` for each. A crash, a traceback or a hang fails the test.
    """
    done = subprocess.run(
        [sys.executable, "-c", _CHILD.format(memory=MEMORY), json.dumps([str(path) for path in paths])],
        capture_output=True, text=True, timeout=SECONDS, check=False,
        env={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PATH": "", "PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    assert done.returncode == 0, f"exit {done.returncode} after {done.stdout[-500:]}: {done.stderr[-2000:]}"
    return [json.loads(line) for line in done.stdout.splitlines()]
